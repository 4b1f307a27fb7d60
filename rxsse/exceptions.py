"""The errors rxsse raises, each saying whose fault it is; knows neither Django nor I/O."""

from __future__ import annotations


class RxsseError(Exception):
    """Base of every error raised by rxsse."""


class DeclarationError(RxsseError):
    """A channel or a setting is declared wrongly: the developer's fault, fixed in code."""


class AudienceError(DeclarationError):
    """State shared by all readers tried to depend on one reader."""


class ProtocolError(RxsseError):
    """The other side sent something that PROTOCOL.md does not allow."""


class CursorError(ProtocolError):
    """A cursor that does not have the form ``epoch.revision``."""


class PatchError(RxsseError):
    """A patch cannot be applied to the given state [rfc6902 §5]."""


class Conflict(RxsseError):
    """An append or a new epoch lost the compare-and-set: the log has moved on."""


class Unavailable(RxsseError):
    """A feed, cache or broker cannot be reached or did not answer within its bound."""


class Gone(RxsseError):
    """The anchor of a topic does not exist (any more)."""


class DeriveError(RxsseError):
    """The serializer could not produce the state; the cause is chained, never sent to a client."""
