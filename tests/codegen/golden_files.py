"""The files that generation is held against. ``python -m tests.codegen`` writes them anew; no test does."""

from __future__ import annotations

from pathlib import Path

GOLDEN = Path(__file__).resolve().parent / "golden"
WARNINGS = "warnings.txt"


def golden() -> dict[str, str]:
    """Every golden file by its name."""
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(GOLDEN.iterdir())}


def write(texts: dict[str, str]) -> None:
    for path in GOLDEN.iterdir():
        path.unlink()
    for name, text in texts.items():
        (GOLDEN / name).write_text(text, encoding="utf-8")
