"""The project of these tests, and folders for what is generated from it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.codegen import project


@pytest.fixture
def shop() -> Iterator[None]:
    with project.declared():
        yield
