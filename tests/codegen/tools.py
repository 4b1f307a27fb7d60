"""The real tsc, prettier and eslint, on files in a folder of the test's own; knows nothing of how they were made."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RUNTIME = ROOT / "frontend_runtime"

_TSCONFIG = {
    "compilerOptions": {
        "target": "ES2022",
        "module": "ESNext",
        "moduleResolution": "bundler",
        "lib": ["ES2023", "DOM", "DOM.Iterable"],
        "types": [],
        "strict": True,
        "noUncheckedIndexedAccess": True,
        "exactOptionalPropertyTypes": True,
        "noImplicitOverride": True,
        "noUnusedLocals": True,
        "noUnusedParameters": True,
        "noPropertyAccessFromIndexSignature": True,
        "verbatimModuleSyntax": True,
        "isolatedModules": True,
        "noEmit": True,
        "skipLibCheck": True,
        "paths": {"@rxsse/react/core": [str(RUNTIME / "src" / "core.ts")]},
    },
    "include": ["*.ts"],
}
_ESLINT = """\
import tseslint from "typescript-eslint";

export default tseslint.config({
  files: ["**/*.ts"],
  extends: [tseslint.configs.recommendedTypeChecked, tseslint.configs.stylisticTypeChecked],
  languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
});
"""


def place(folder: Path, texts: Mapping[str, str]) -> None:
    """Write ``texts`` and what the tools need beside them."""
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "tsconfig.json").write_text(json.dumps(_TSCONFIG))
    (folder / "eslint.config.mjs").write_text(_ESLINT)
    modules = folder / "node_modules"
    if not modules.exists():
        modules.symlink_to(RUNTIME / "node_modules")


def run(folder: Path, tool: str, *options: str) -> str:
    """What ``tool`` complains of; nothing where it is content."""
    program = RUNTIME / "node_modules" / ".bin" / tool
    if not program.exists():
        reason = f"{program} is not there: run `npm ci` in frontend_runtime"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    done = subprocess.run([program, *options], cwd=folder, capture_output=True, text=True, timeout=300)
    return "" if done.returncode == 0 else f"{done.stdout}{done.stderr}"


def tsc(folder: Path) -> str:
    """What tsc complains of in the folder's own files; the runtime's are its own tests' business."""
    said = run(folder, "tsc", "--pretty", "false").splitlines(keepends=True)
    return "".join(line for line in said if not line.startswith("../"))
