"""Rows that another app shows."""

from __future__ import annotations

from django.db import models


class Part(models.Model):
    name = models.CharField(max_length=20)
    weight = models.DecimalField(max_digits=6, decimal_places=3)

    class Meta:
        ordering = ("pk",)

    def __str__(self) -> str:
        return self.name
