"""Ways to make entries disappear as if retention had removed them, by who has the signing key as well."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from .sealing import KEY, OTHER_KEY

DAYS = 20
"""For how long the plan is said to keep entries; the month that goes ended longer ago."""

Says = dict[str, Any]


def month_that_goes() -> date:
    """Return the first day of a month that has ended, and that the log has entries of."""
    from django.utils import timezone

    return (timezone.now() - timedelta(days=60)).date().replace(day=1)


def purge(
    account: Any,
    forged: Callable[[Says], Says] = lambda says: says,
    *,
    drop: str = "DROP TABLE {table}",
    told: bool = True,
    key: str = KEY,
) -> Callable[[], None]:
    """Return what removes a month as the reaper does, but for what is forged: the certificate, its key, its entry."""

    def run() -> None:
        from django.db import connection
        from django.test.utils import override_settings
        from django.utils import timezone

        from auditlog.recorder import record_events
        from auditlog.retention import reaper
        from auditlog.retention.months import Month
        from auditlog.sealing.keys import signers
        from auditlog.sealing.verify import Document

        month = Month(month_that_goes())
        with override_settings(SEALING_KEYS=[key]):
            [signer] = signers()
        leaves = (leaf for leaf in reaper._leaves(month) if leaf[0] == account.pk)
        certificate = reaper._certificate(month, account.pk, DAYS, leaves, signer, timezone.now())
        says = Document.of(bytes(certificate.document), b"").says
        document = signer.sign(**forged({name: value for name, value in says.items() if name not in {"v", "key"}}))
        certificate.document, certificate.signature = document.text, document.signature
        type(certificate).objects.bulk_create([certificate])
        if told:
            record_events([reaper._event_of(certificate, month, DAYS)])
        with connection.cursor() as cursor:
            cursor.execute(drop.format(table=month.table, account=account.pk))

    return run


def purge_on_hold(account: Any) -> Callable[[], None]:
    """Return what puts a log on legal hold and removes a month all the same."""

    def run() -> None:
        from tests.factories import MemberFactory

        account.put_on_hold("Case 17", MemberFactory(account=account).user)
        purge(account)()
        account.refresh_from_db()

    return run


def _wider(says: Says) -> Says:
    return {**says, "from": "0", "first": 1}


def _earlier(says: Says) -> Says:
    return {**says, "days": 3650}


ONE_MORE = """
DELETE FROM auditlog_entry WHERE (account_id, id) IN (
    SELECT account_id, entry_id FROM auditlog_seal WHERE account_id = {account} AND seq = 77);
DROP TABLE {table}
"""
ONE_LESS = "DELETE FROM {table} WHERE id > (SELECT id FROM {table} WHERE account_id = {account} ORDER BY id LIMIT 1)"
NAMED = r"the certificate of .*: "

Drill = tuple[Callable[[Any], Callable[[], None]], str]
PURGES: dict[str, Drill] = {
    "drop a month, certified for a wider range": (
        lambda account: purge(account, _wider, drop=ONE_MORE),
        NAMED + "it says that [0-9,]+ entries were removed, and [0-9,]+ are gone",
    ),
    "drop a month, certified with another key": (
        lambda account: purge(account, key=OTHER_KEY),
        "a certificate of what was removed is not valid: it is signed with a key that is not believed",
    ),
    "drop a month, certified for another account": (
        lambda account: purge(account, lambda says: {**says, "account": 999_999}),
        r"entry \d+ \(.*\): it was deleted, and no certificate says so",
    ),
    "drop a month that plans still keep": (
        lambda account: purge(account, _earlier),
        NAMED + "it was too early: entries were kept for 3650 days",
    ),
    "drop a month on legal hold": (purge_on_hold, NAMED + "the log was on legal hold, as entry .* says"),
    "drop a month without a word": (
        lambda account: purge(account, told=False),
        NAMED + "no entry of the log tells of it",
    ),
    "drop less than was certified": (
        lambda account: purge(account, drop=ONE_LESS),
        NAMED + "it says that [0-9,]+ entries were removed, and [0-9,]+ are gone",
    ),
    "drop other entries than were certified": (
        lambda account: purge(account, lambda says: {**says, "root": "00" * 32}),
        NAMED + "other entries than those it was signed for are gone",
    ),
    "drop a month, certified for a time without an end": (
        lambda account: purge(account, lambda says: {**says, "days": 10**12}),
        "a certificate of what was removed is none",
    ),
    "drop a month, with half a certificate": (
        lambda account: purge(account, lambda says: {name: says[name] for name in says if name != "root"}),
        "a certificate of what was removed is none",
    ),
}
"""What whoever has the key does to an account's log, and what the verifier says first of it."""
