"""A database connection that was closed while it was idle costs a new one, not a reset."""

from __future__ import annotations

import pytest
from django.db import OperationalError, connection

from rxsse.deriving.derivation import Derivation, Dirt
from rxsse.exceptions import Unavailable
from rxsse.messages import Topic
from tests.domain.channels import PeopleChannel


def people() -> Derivation:
    return Derivation(Topic(PeopleChannel.label, "", "", {}))


@pytest.mark.django_db(transaction=True)
def test_a_connection_lost_while_idle_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    derivation = people()
    derivation.refresh(lambda: Dirt(whole=True))
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            pid = cursor.fetchone()[0]
        other = connection.copy()
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s)", [pid])
        other.close()
    else:  # SQLite has no server to close it
        connection.connection.close()
        monkeypatch.setattr(connection, "is_usable", lambda: connection.connection is not None and False)
    derivation.refresh(lambda: Dirt(whole=True))
    assert derivation.encode() == b"[]"


@pytest.mark.django_db(transaction=True)
def test_an_outage_is_said_to_be_one(monkeypatch: pytest.MonkeyPatch) -> None:
    derivation = people()

    def refuse(*args: object) -> None:
        raise OperationalError("server closed the connection: secret text")

    monkeypatch.setattr(connection, "cursor", refuse)
    with pytest.raises(Unavailable) as caught:
        derivation.refresh(lambda: Dirt(whole=True))
    assert "secret" not in str(caught.value)
