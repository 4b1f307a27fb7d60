"""The bridge to django-eventstream: ``send_event`` reaches anchors' streams, its views and tools see their channels.

``EVENTSTREAM_CHANNELMANAGER_CLASS = "rxsse.eventstream.ChannelManager"`` and
``EVENTSTREAM_STORAGE_CLASS = "rxsse.eventstream.Storage"``; the mixins are for projects that have classes of their own.
"""

from __future__ import annotations

from rxsse.eventstream.permission import ChannelManager, ChannelManagerMixin
from rxsse.eventstream.storage import Storage, StorageMixin

__all__ = ["ChannelManager", "ChannelManagerMixin", "Storage", "StorageMixin"]
