"""Rows of the chat."""

from __future__ import annotations

from django.db import models


class Room(models.Model):
    title = models.CharField(max_length=20)

    class Meta:
        ordering = ("pk",)

    def __str__(self) -> str:
        return self.title


class Tag(models.Model):
    room = models.ForeignKey(Room, models.CASCADE, related_name="tags")
    word = models.CharField(max_length=20)

    class Meta:
        ordering = ("pk",)

    def __str__(self) -> str:
        return self.word
