"""One changed row of a list: only that row is read, however long the list is."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework import serializers

from tests.deriving.support import Reader, channel_of
from tests.domain.models import Account, Ledger

pytestmark = pytest.mark.django_db


class AccountSerializer(serializers.ModelSerializer[Account]):
    class Meta:
        model = Account
        fields = ("id", "amount")


class LedgerSerializer(serializers.ModelSerializer[Ledger]):
    accounts = AccountSerializer(many=True, read_only=True)

    class Meta:
        model = Ledger
        fields = ("id", "accounts")


@pytest.fixture
def accounts() -> list[Account]:
    ledger = Ledger.objects.create(name="long")
    return [Account.objects.create(ledger=ledger, amount=n) for n in range(30)]


@pytest.fixture(params=["nested", "filtered by column", "filtered by row", "all, in no order"])
def reader(request: pytest.FixtureRequest, accounts: list[Account]) -> Reader:
    ledger = accounts[0].ledger
    if request.param == "nested":
        return Reader(channel_of(LedgerSerializer()), pk=ledger.pk)
    querysets: dict[str, Any] = {
        "filtered by column": lambda self: Account.objects.filter(ledger_id=ledger.pk),
        "filtered by row": lambda self: Account.objects.filter(ledger=ledger, amount__lt=1000),
        "all, in no order": lambda self: Account.objects.order_by(),
    }
    return Reader(channel_of(AccountSerializer(many=True), querysets[request.param]))


def reads_of_accounts(reader: Reader) -> list[str]:
    with CaptureQueriesContext(connection) as queries:
        reader.follow()
    return [query["sql"] for query in queries if 'FROM "domain_account"' in query["sql"]]


def test_a_changed_row_is_read_alone(reader: Reader, accounts: list[Account]) -> None:
    accounts[20].amount = 500
    accounts[20].save()
    reads = reads_of_accounts(reader)
    assert reads
    assert all(f'"id" IN ({accounts[20].pk})' in sql for sql in reads)
    assert len(reader.operations) == 1
    reader.check()


def test_a_row_that_leaves_takes_no_other_along(reader: Reader, accounts: list[Account]) -> None:
    key = accounts[20].pk
    accounts[20].delete()
    assert all(f'"id" IN ({key})' in sql for sql in reads_of_accounts(reader))
    assert [operation["op"] for operation in reader.operations] == ["remove"]
    accounts[3].delete()
    accounts[29].delete()
    reader.check()
    assert [operation["op"] for operation in reader.operations] == ["remove", "remove"]
