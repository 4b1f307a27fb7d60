"""Chooses names: each declaration's in its file, each import's where it is used; knows no types."""

from __future__ import annotations

import re
from collections.abc import Iterable, Set
from itertools import chain, count

from rxsse.codegen.annotations import pascal
from rxsse.codegen.types import Declaration

RESERVED = frozenset({"JsonValue", "Record", "NaN", "Infinity"})
"""Names that the files use themselves, or that mean something already."""

# What may not name a parameter in a class's code [ecma262 §12.7.2], or has another meaning in a constructor.
_WORDS = frozenset(
    re.findall(
        r"\w+",
        """arguments await break case catch class const continue debugger default delete do else enum eval export
        extends false finally for function if implements import in instanceof interface let new null package private
        protected public return static super switch this throw true try typeof undefined var void while with yield
        token options encodeURIComponent""",
    )
)


def free(wanted: Iterable[str], taken: Set[str]) -> str:
    """The first of ``wanted`` that nothing else has; the last of them with a number where all are taken."""
    names = list(wanted)
    numbered = (f"{names[-1]}{number}" for number in count(2))
    return next(name for name in chain(names, numbered) if name not in taken)


def name_all(declarations: Iterable[Declaration]) -> dict[Declaration, str]:
    """Names for everything that one file declares. Those that want the same: the one nearest to its app gets it."""
    ordered = sorted(
        declarations,
        key=lambda each: (len(each.wanted), each.origin, [(member.name, member.doc) for member in each.members]),
    )
    chosen: dict[Declaration, str] = {}
    taken = set(RESERVED)
    for each in ordered:
        if each.wanted[0] not in taken:
            chosen[each] = each.wanted[0]
            taken.add(each.wanted[0])
    for each in ordered:
        if each not in chosen:
            chosen[each] = free(each.wanted[1:] or each.wanted, taken)
            taken.add(chosen[each])
    return chosen


def alias(name: str, home: str, taken: Set[str]) -> str:
    """What to call an import of ``name`` from the file of the app ``home``."""
    return free((name, pascal(home) + name), taken)


def parameter(name: str, taken: Set[str]) -> str:
    """``project_id`` as ``projectId``."""
    short = re.sub(r"(?<=[^_])_+([^_])", lambda found: found[1].upper(), name)
    return free((short, f"{short}_"), taken | _WORDS)
