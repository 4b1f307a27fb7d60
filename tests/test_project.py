"""What the repository promises about itself: sizes, docstrings, pins, pages that agree with the code."""

from __future__ import annotations

import ast
import os
import re
import runpy
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CONFIGURATION = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
MODULES = sorted(path for path in (ROOT / "rxsse").rglob("*.py") if path.stat().st_size)
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "benchmarks").glob("*.md")])
DECISIONS = sorted((ROOT / "docs" / "adr").glob("*.md"))
MODULE_LINES = 400  # what one sitting can review
FUNCTION_LINES = 40  # what one screen shows


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def functions(module: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(module) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_says_its_job_and_stays_small(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    module = ast.parse(text)
    assert ast.get_docstring(module), f"{name_of(path)}: begin with a docstring that says the module's one job"
    assert len(text.splitlines()) < MODULE_LINES, f"{name_of(path)}: split it"
    for function in functions(module):
        assert function.end_lineno is not None
        documented = ast.get_docstring(function, clean=False)
        lines = function.end_lineno - function.lineno + 1 - (len(documented.splitlines()) if documented else 0)
        assert lines <= FUNCTION_LINES, f"{name_of(path)}: {function.name} has {lines} lines; split it"


def test_the_page_of_settings_agrees_with_the_code() -> None:
    reference = runpy.run_path(str(ROOT / "scripts" / "settings_reference.py"))["reference"]
    assert (ROOT / "docs" / "settings.md").read_text(encoding="utf-8") == reference(), "run `make docs`"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
        if "://" not in target and not target.startswith("mailto:"):
            assert (page.parent / target).exists(), f"{name_of(page)} links to {target}"


def test_decisions_are_numbered_without_a_hole() -> None:
    assert [int(path.name[:4]) for path in DECISIONS] == list(range(1, len(DECISIONS) + 1))


@pytest.mark.parametrize("path", DECISIONS, ids=name_of)
def test_a_decision_says_why(path: Path) -> None:
    headings = re.findall(r"^## (.+)$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert headings == ["Context", "Decision", "Consequences"]


def test_the_changelog_knows_this_version() -> None:
    version = CONFIGURATION["project"]["version"]
    assert re.search(rf"^## {re.escape(version)}\b", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)


def test_the_channel_of_the_readme_is_the_one_of_the_example() -> None:
    readme_text = (ROOT / "README.md").read_text("utf-8")
    blocks = re.findall(r"```python\n# projects/channels.py\n(.*?)```", readme_text, re.DOTALL)
    assert len(blocks) == 1
    readme, example = (
        {node.name: node for node in ast.parse(text).body if isinstance(node, ast.ClassDef)}
        for text in (blocks[0], (ROOT / "example" / "projects" / "channels.py").read_text("utf-8"))
    )
    for name, shown in readme.items():
        real = example[name]
        real.body = [node for node in real.body if not isinstance(node, ast.Expr)]
        assert ast.unparse(shown) == ast.unparse(real)


@pytest.mark.parametrize("path", sorted((ROOT / "requirements").glob("*.txt")), ids=name_of)
def test_pins_name_every_dependency_and_no_host(path: Path) -> None:
    pins = path.read_text(encoding="utf-8").splitlines()
    assert all(re.fullmatch(r"[a-z0-9-]+==[A-Za-z0-9.+]+", pin) for pin in pins)
    declared = {re.split(r"[<>=~!\[ ]", name)[0] for name in CONFIGURATION["project"]["dependencies"]}
    assert declared <= {pin.split("==")[0] for pin in pins}


@pytest.mark.parametrize("path", [".ci/run", "scripts/provision", "scripts/matrix", "example/manage.py"])
def test_scripts_can_be_run(path: str) -> None:
    assert os.access(ROOT / path, os.X_OK)


def test_the_gates_name_what_is_there() -> None:
    gates = runpy.run_path(str(ROOT / "scripts" / "gates.py"), run_name="gates")
    named = [*gates["whole_floors"](), *gates["PROGRAMS"], *gates["ONCE"], *gates["OUTSIDE"], *gates["RULES"]]
    assert [path for path in named if not (ROOT / path).exists()] == []
