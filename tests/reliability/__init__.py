"""Faults injected into real processes while they write and read; then everybody agrees."""
