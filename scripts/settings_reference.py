"""Prints docs/settings.md, made from the attribute docstrings of rxsse/conf.py; imports nothing of it."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HEAD = """# Settings

All of them are keys of one dictionary, `RXSSE`, in Django's settings, and every one has a default:

```python
RXSSE = {"REDIS_URL": "redis://127.0.0.1:6379/0", "MONGO_URL": "mongodb://127.0.0.1:27017/rxsse"}
```

An unknown key or a value of the wrong type is an error that names the key. This page is written by `make docs`.

| key | default | what it is |
| --- | --- | --- |
"""


def reference() -> str:
    """The whole page, with one row per setting in the order of the code."""
    module = ast.parse((ROOT / "rxsse" / "conf.py").read_text(encoding="utf-8"))
    declaration = next(node for node in module.body if isinstance(node, ast.ClassDef) and node.name == "Settings")
    rows = []
    for field, text in zip(declaration.body, declaration.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and field.value and isinstance(text, ast.Expr):
            described = " ".join(str(ast.literal_eval(text.value)).split()).replace("|", "\\|")
            rows.append(f"| `{ast.unparse(field.target)}` | `{ast.unparse(field.value)}` | {described} |\n")
    return HEAD + "".join(rows)


if __name__ == "__main__":
    print(reference(), end="")
