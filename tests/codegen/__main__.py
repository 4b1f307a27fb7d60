"""``python -m tests.codegen``: writes the golden files anew. Read the diff before it is committed."""

from __future__ import annotations

import os

import django

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()

    from tests.codegen import golden_files, project

    golden_files.write(project.generated())
