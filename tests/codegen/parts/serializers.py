"""Serializers of an app without channels."""

from __future__ import annotations

from rest_framework import serializers

from tests.codegen.parts.models import Part


class PartSerializer(serializers.ModelSerializer[Part]):
    class Meta:
        model = Part
        fields = ("id", "name", "weight")
