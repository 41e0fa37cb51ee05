"""How lines of the server's own log are written: one line for one event, and no secret in any of them."""

import logging
import re
from typing import Any

from .masking import masked

UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""Control characters, and those that end a line or turn the direction of what follows."""
MARGIN = "  | "
"""Stands before each line of a traceback: a message in it must not pass for a line of its own."""
QUOTES, GOES_ON = ("DETAIL:", "CONTEXT:"), ("Traceback ", "The above ", "During handling ", "  File ", "HINT:")
"""PostgreSQL quotes whole rows after these words; where a traceback goes on, they have ended."""


def one_line(text: str) -> str:
    """Return text that can't end its line, move the cursor of a terminal or turn the direction of reading."""
    return UNSEEN.sub(lambda sign: repr(sign[0])[1:-1], text)


class LineFormatter(logging.Formatter):
    """Writes what happened on one line, with control characters spelled out, and masks what looks like a credential."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  (the library's name)
        """Return the line of a record."""
        record.message = one_line(masked(record.message))
        return super().formatMessage(record)

    def formatException(self, ei: Any) -> str:  # noqa: N802
        """Return a traceback, each line behind a margin, without the rows that PostgreSQL quotes."""
        told, quoting = [], False
        for line in masked(super().formatException(ei)).split("\n"):
            quoting = line.startswith(QUOTES) or (quoting and not line.startswith(GOES_ON))
            told += [] if quoting else [MARGIN + one_line(line)]
        return "\n".join(told)
