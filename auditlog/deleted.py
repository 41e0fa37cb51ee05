"""Organizations that are no more: their log is, and support staff read it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models.query import RawQuerySet

from accounts.models import Account

from .models import Entry

KEY = re.compile(r"~([1-9][0-9]{0,17})")
"""No slug looks like this, and a slug that has become free may be taken by another organization."""


@dataclass(frozen=True, slots=True)
class DeletedAccount:
    """An organization, named as it was when it was deleted."""

    pk: int
    slug: str
    name: str
    deleted_at: datetime

    def __str__(self) -> str:
        return self.name

    @property
    def key(self) -> str:
        """As ``Account.key``."""
        return f"~{self.pk}"


def account_of(key: str) -> Account | DeletedAccount | None:
    """Return the account that a key names, there or deleted; None for neither."""
    if match := KEY.fullmatch(key):
        return next(map(_deleted_by, _deletions("WHERE account_id = %s LIMIT 1", int(match[1]))), None)
    return Account.objects.filter(slug=key).first() if "\0" not in key else None


def account_with(account_id: int) -> Account | DeletedAccount | None:
    """Return the account with this number, there or deleted; None for neither."""
    return Account.objects.filter(pk=account_id).first() or account_of(f"~{account_id}")


def deleted_accounts(text: str = "") -> Iterator[DeletedAccount]:
    """Yield the organizations deleted last, with the text in their id or name. Reads one entry for each deletion."""
    for entry in _deletions().iterator():
        account = _deleted_by(entry)
        if text.lower() in f"{account.slug} {account.name}".lower():
            yield account


def _deletions(which: str = "", *params: Any) -> "RawQuerySet[Entry]":
    """Ask the function that may look for these few entries in all accounts at once; newest first."""
    return Entry.objects.raw(f"SELECT * FROM auditlog_deletions() {which}", params)  # noqa: S608


def _deleted_by(entry: Entry) -> DeletedAccount:
    [organization] = entry.event["targets"]
    return DeletedAccount(entry.account_id, organization["id"], organization["name"], entry.time)
