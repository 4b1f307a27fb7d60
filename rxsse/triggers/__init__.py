"""Triggers that write into the outbox what the ORM never sees: raw SQL, ``psql``, another service.

They are made by ``manage.py rxsse_triggers``, checked by system checks, and kept right after each ``migrate``.
"""

from __future__ import annotations

from rxsse.triggers.keeping import VENDORS, Difference, compare, create, installed, remove

__all__ = ["VENDORS", "Difference", "compare", "create", "installed", "remove"]
