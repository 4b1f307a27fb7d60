"""Builds what the browser is given: the example's page, as ``make demo`` does, and the page of these tests."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from tests.example.conftest import BUILDING, ROOT

FRONTEND = ROOT / "example" / "frontend"
PAGE = Path(__file__).parent / "page"
BUILT = ROOT / ".cache" / "e2e" / "pages"
AXE = FRONTEND / "node_modules" / "axe-core" / "axe.min.js"


class Missing(RuntimeError):
    """There is no Node; the message says what to install."""


def build() -> None:
    """Build what is older than its sources. Raises `Missing`."""
    if shutil.which("npm") is None:
        raise Missing("no npm: the front end needs Node 20.19 or newer")
    BUILT.parent.mkdir(parents=True, exist_ok=True)
    with (BUILT.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _run(ROOT, "make", "--silent", "example/frontend/dist/index.html")
        if not (PAGE / "node_modules").exists():
            # The page of the tests has the packages of the example: the same React, the same runtime.
            (PAGE / "node_modules").symlink_to(os.path.relpath(FRONTEND / "node_modules", PAGE))
        sources = [*PAGE.glob("*.*"), *(FRONTEND / "src" / "rx").iterdir(), ROOT / "frontend_runtime/dist/index.mjs"]
        for mode in ("production", "development"):
            if _outdated(BUILT / mode / "index.html", sources):
                _run(PAGE, "node_modules/.bin/vite", "build", "--mode", mode, NODE_ENV=mode)


def _outdated(product: Path, sources: Iterable[Path]) -> bool:
    """Whether one of ``sources`` is newer than ``product``, or it isn't there."""
    return not product.exists() or product.stat().st_mtime < max(source.stat().st_mtime for source in sources)


def _run(folder: Path, *command: str, **environment: str) -> None:
    done = subprocess.run(
        command,
        cwd=folder,
        env={name: value for name, value in os.environ.items() if name != "MAKEFLAGS"} | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=BUILDING,
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} in {folder}:\n{done.stdout}\n{done.stderr}")
