"""Every mapping as it comes out, and what the tools of TypeScript think of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.codegen import golden_files, project, tools

GOLDEN = golden_files.golden()


@pytest.mark.parametrize("name", sorted(GOLDEN))
def test_what_is_generated_is_what_is_kept(name: str) -> None:
    assert project.generated()[name] == GOLDEN[name], "if that is meant: python -m tests.codegen, and read the diff"


def test_nothing_more_is_generated() -> None:
    assert project.generated().keys() == GOLDEN.keys()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("golden")
    tools.place(made, {name: text for name, text in GOLDEN.items() if name.endswith(".ts")})
    return made


def test_it_compiles(folder: Path) -> None:
    assert tools.tsc(folder) == ""


def test_it_is_formatted(folder: Path) -> None:
    assert tools.run(folder, "prettier", "--check", "--print-width", "100", "*.ts") == ""


def test_eslint_has_nothing_to_say(folder: Path) -> None:
    assert tools.run(folder, "eslint", "--max-warnings", "0", ".") == ""


def test_the_tools_would_notice(tmp_path: Path) -> None:
    tools.place(tmp_path, {"bad.ts": "const any: any = 1\nexport const text: string = any.first;\nconst unused = 1;\n"})
    assert "'unused' is declared but its value is never read" in tools.tsc(tmp_path)
    assert "bad.ts" in tools.run(tmp_path, "prettier", "--check", "--print-width", "100", "*.ts")
    assert "no-unsafe-member-access" in tools.run(tmp_path, "eslint", "--max-warnings", "0", ".")
