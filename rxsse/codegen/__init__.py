"""Writes the TypeScript client of a project: an interface per serializer, a class per channel.

``project`` puts it together, ``files`` keeps it on disk. Knows declarations only: no row is read.
"""
