"""The tables of the outbox; without ``RXSSE["OUTBOX"]`` they hold nothing but notes (see `rxsse.feeds.notes`).

They are there either way: what a migration makes must not depend on a setting. Read and written
by `rxsse.feeds.tables`, in SQL of its own, so that capture doesn't notice it.
"""

from __future__ import annotations

from django.db import models


class Outbox(models.Model):
    """One announcement, written in the transaction that it announces, removed some seconds after it was read."""

    id = models.BigAutoField(primary_key=True)
    body = models.TextField()
    # On PostgreSQL the number of the transaction: ids become visible in another order than they are given.
    position = models.BigIntegerField(default=0, db_index=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.body


class Interest(models.Model):
    """A process watches a model until a point of time, in seconds since the epoch by the database's clock."""

    pk = models.CompositePrimaryKey("model", "name")
    model = models.CharField(max_length=200)
    name = models.CharField(max_length=40)
    until = models.FloatField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.model} by {self.name}"
