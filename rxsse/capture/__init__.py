"""The writer's side: notices every ORM write of this process and announces each transaction on a feed.

Knows neither channels nor serializers. Writes that never pass through the ORM's compilers
(raw SQL, ``TRUNCATE``, another program) are not seen; the audit of hot topics finds those.
"""

from rxsse.capture.announcing import connect, disconnect
from rxsse.capture.interception import install, uninstall
from rxsse.capture.transactions import Pending, pending

__all__ = ["Pending", "connect", "disconnect", "install", "pending", "uninstall"]
