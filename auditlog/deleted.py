"""Organizations that are no more: their log is, and support staff read it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from accounts.models import Account
from controlcenter.operations import Operation

from .models import Entry
from .querysets import EntryQuerySet

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
        entry = _deletions().for_account(int(match[1])).first()
        return _deleted_by(entry) if entry else None
    return Account.objects.filter(slug=key).first() if "\0" not in key else None


def deleted_accounts(text: str = "") -> Iterator[DeletedAccount]:
    """Yield the organizations deleted last, with the text in their id or name. Reads one entry for each deletion."""
    for entry in _deletions().iterator(chunk_size=100):
        account = _deleted_by(entry)
        if text.lower() in f"{account.slug} {account.name}".lower():
            yield account


def _deletions() -> EntryQuerySet:
    # The condition on the targets leads to these few entries by their index, in all accounts at once.
    deleted = Entry.objects.with_operation(Operation.ORGANIZATION_DELETE).succeeded()
    return deleted.filter(targets__contains=[{"type": "organization"}]).newest_first()


def _deleted_by(entry: Entry) -> DeletedAccount:
    [organization] = entry.event["targets"]
    return DeletedAccount(entry.account_id, organization["id"], organization["name"], entry.time)
