"""Checks the bridge to django-eventstream: by its settings it is there whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.apps import apps
from django.conf import settings as django_settings
from django.core import checks
from django.urls import URLResolver, get_resolver
from django.utils.module_loading import import_string

from rxsse.channels import registry
from rxsse.checks.words import TAG, Messages, error, warning

MANAGER, STORAGE = "EVENTSTREAM_CHANNELMANAGER_CLASS", "EVENTSTREAM_STORAGE_CLASS"


@checks.register(TAG)
def check_eventstream(**_: Any) -> Messages:
    """E040, E041 and W040: the app, its two classes, and whether its views are open to everybody."""
    named = {name: str(getattr(django_settings, name, "")) for name in (MANAGER, STORAGE)}
    installed = apps.is_installed("django_eventstream")
    if not installed and not any(named.values()):
        return []  # nothing of it is imported
    ours = {name: _is_ours(name, path) for name, path in named.items()}
    if not installed:
        problem = f"{' and '.join(name for name in ours if ours[name])} names a class of rxsse, but the app is missing."
        hint = "Add 'django_eventstream' to INSTALLED_APPS, or no event reaches an anchor's stream."
        return [error("E040", problem, hint)] if any(ours.values()) else []
    messages: Messages = []
    if ours[STORAGE] and not ours[MANAGER]:
        problem = f"{STORAGE} names a class of rxsse and {MANAGER} doesn't: send_event() on anchors' channels fails."
        messages.append(error("E041", problem, _HINT))
    routed = bool(registry and getattr(django_settings, "ROOT_URLCONF", None))
    if routed and not ours[MANAGER] and any(_views(get_resolver().url_patterns)):
        problem = f"django-eventstream's views are in the URLconf, but {MANAGER} knows nothing of has_permission()."
        messages.append(warning("W040", problem, _HINT))
    return messages


_HINT = (
    f"Set {MANAGER} = 'rxsse.eventstream.ChannelManager', or to a class of yours that has "
    "rxsse.eventstream.ChannelManagerMixin as its first base."
)


def _is_ours(name: str, path: str) -> bool:
    """Whether the class answers for anchors' channels; one that can't be imported is not for us to report."""
    from rxsse import eventstream

    mixin = eventstream.ChannelManagerMixin if name == MANAGER else eventstream.StorageMixin
    try:
        found = import_string(path)
    except ImportError:
        return False
    return isinstance(found, type) and issubclass(found, mixin)


def _views(patterns: Sequence[Any]) -> Iterator[Any]:
    """Every view of theirs."""
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from _views(pattern.url_patterns)
        else:
            kinds = getattr(getattr(pattern.callback, "cls", None), "__mro__", (pattern.callback,))
            if any(kind.__module__.startswith("django_eventstream.") for kind in kinds):
                yield pattern
