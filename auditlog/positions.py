"""Places in the log, as opaque texts: where a search goes on, and how far a follower has come."""

from base64 import b64decode, urlsafe_b64encode
from typing import NamedTuple, Self
from uuid import UUID

XID_BYTES, ID_BYTES, DIGEST_BYTES = 8, 16, 8
LOWEST_ID = UUID(int=0)


class Misplaced(ValueError):  # noqa: N818
    """A text that is no place of this kind."""


class Cursor(NamedTuple):
    """The last entry of a part of a search, and a digest of what was searched for."""

    id: UUID
    digest: bytes

    def __str__(self) -> str:
        return _text(self.id.bytes + self.digest)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the cursor that a text stands for. Raises ``Misplaced``."""
        raw = _bytes(text, ID_BYTES + DIGEST_BYTES)
        return cls(UUID(bytes=raw[:ID_BYTES]), raw[ID_BYTES:])


class Position(NamedTuple):
    """The last entry that was handed out, in the order of transactions: everything up to it has been seen."""

    xid: int
    id: UUID = LOWEST_ID

    def __str__(self) -> str:
        return _text(self.xid.to_bytes(XID_BYTES, "big") + self.id.bytes)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the position that a text stands for. Raises ``Misplaced``."""
        raw = _bytes(text, XID_BYTES + ID_BYTES)
        return cls(int.from_bytes(raw[:XID_BYTES], "big"), UUID(bytes=raw[XID_BYTES:]))


BEGINNING = Position(0)


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode()  # 24 bytes: no padding


def _bytes(text: str, size: int) -> bytes:
    try:
        raw = b64decode(text, altchars=b"-_", validate=True)
    except ValueError:
        raise Misplaced(text) from None
    if len(raw) != size:
        raise Misplaced(text)
    return raw
