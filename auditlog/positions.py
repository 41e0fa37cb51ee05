"""Places in the log, as opaque texts: where a search goes on, and how far a follower has come."""

from base64 import b64decode, urlsafe_b64encode
from typing import NamedTuple, Self
from uuid import UUID

XID_BYTES, ID_BYTES, DIGEST_BYTES, NUMBER_BYTES = 8, 16, 8, 8
MARK = b"\x02s"


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
    """The place of the last entry that was handed out: everything up to it has been seen."""

    account_id: int
    seq: int = 0

    def __str__(self) -> str:
        return _text(MARK + self.account_id.to_bytes(NUMBER_BYTES, "big") + self.seq.to_bytes(NUMBER_BYTES, "big"))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the position that a text stands for. Raises ``Misplaced``."""
        raw = _bytes(text, len(MARK) + 2 * NUMBER_BYTES)
        if not raw.startswith(MARK):
            raise Misplaced(text)
        numbers = raw[len(MARK) :]
        return cls(int.from_bytes(numbers[:NUMBER_BYTES], "big"), int.from_bytes(numbers[NUMBER_BYTES:], "big"))


def transaction_in(text: str) -> int:
    """Return the transaction that a position of an earlier version names: all before it. Raises ``Misplaced``."""
    return int.from_bytes(_bytes(text, XID_BYTES + ID_BYTES)[:XID_BYTES], "big")


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode()  # 18 or 24 bytes: no padding


def _bytes(text: str, size: int) -> bytes:
    try:
        raw = b64decode(text, altchars=b"-_", validate=True)
    except ValueError:
        raise Misplaced(text) from None
    if len(raw) != size:
        raise Misplaced(text)
    return raw
