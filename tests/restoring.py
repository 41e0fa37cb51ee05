"""A log is dumped and restored into a fresh cluster, whose transactions are counted anew: does everything go on?

python -m tests.restoring --entries 20000
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from .sealing import anchor, exported, fill, make_account, record, verify_offline
from .servers import folder_for, set_up, use

BURNT = 4_000
"""Transactions that the old cluster is ahead."""


def main() -> int:
    """Run the drill, and print its figures."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--entries", type=int, default=20_000)
    given = arguments.parse_args()
    with folder_for("restoring") as folder:
        figures = rehearse(folder, given.entries)
    print(json.dumps(figures, indent=2))
    return 1 if figures["wrong"] else 0


def rehearse(folder: Path, entries: int) -> dict[str, Any]:
    """Fill, seal, dump, restore, go on; return what was found."""
    from controlcenter.local_postgres import LocalPostgres

    anchors = folder / "anchors"
    with LocalPostgres(folder / "old") as old, LocalPostgres(folder / "new") as new:
        set_up(old.url, anchors)
        from django.db import connection

        from auditlog.models import Entry
        from auditlog.sealing.sealer import seal
        from auditlog.sealing.verifying import verify

        account = make_account("acme")
        _burn(BURNT)
        fill(account, entries)
        seal()
        anchor(anchors)
        seen = _tail(account, 0)
        record(account, 50)  # never sealed in the old cluster
        _dump_and_restore(old.url, new.url, folder / "dump")
        use(new.url)
        wrong = [*_expect("verify after the restore", verify(account.pk).problems, [])]
        ahead = _counter(old.url) - _counter(new.url)
        first = seal().entries
        record(account, 30)
        second = seal().entries
        _burn(BURNT)  # … until numbers come again that entries of the old cluster have
        record(account, 20)
        third = seal().entries
        anchor(anchors)
        later = _tail(account, len(seen))
        everything = set(map(str, Entry.objects.for_account(account.pk).values_list("id", flat=True)))
        wrong += _expect("verify after going on", verify(account.pk).problems, [])
        wrong += _expect("places", _places(account), list(range(1, len(everything) + 1)))
        wrong += _expect("the tail, once each", sorted(seen + later), sorted(everything))
        wrong += _expect("entries that waited for the new cluster", (first >= 50, second, third), (True, 30, 20))
        with exported(account) as bundle:
            wrong += _expect("offline", verify_offline(bundle, anchors).status, 0)
        connection.close()
    return {
        "entries": len(everything),
        "transactions the old cluster was ahead": ahead,
        "sealed after the restore": [first, second, third],
        "places without a gap until": len(everything),
        "wrong": wrong,
    }


def _expect(what: str, found: Any, expected: Any) -> list[str]:
    return [] if found == expected else [f"{what}: {found!r:.300} instead of {expected!r:.300}"]


def _burn(transactions: int) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        for _ in range(transactions):
            cursor.execute("SELECT pg_current_xact_id()")


def _counter(url: str) -> int:
    import psycopg

    with psycopg.connect(url) as connection:
        found = connection.execute("SELECT pg_snapshot_xmax(pg_current_snapshot())::text").fetchone()
    return int(found[0]) if found else 0


def _dump_and_restore(old: str, new: str, dump: Path) -> None:
    from controlcenter.local_postgres import _program

    subprocess.run([_program("pg_dump"), "--format=custom", f"--file={dump}", old], check=True)
    subprocess.run([_program("pg_restore"), "--no-owner", f"--dbname={new}", dump], check=True)


def _tail(account: Any, after: int) -> list[str]:
    from auditlog.models import Entry
    from auditlog.positions import Position
    from auditlog.tailing import read_on

    found, position = list[str](), Position(account.pk, after)
    while part := read_on(Entry.objects.for_account(account.pk), position, 1000, "id"):
        if not part.rows:
            return found
        found += [str(row[0]) for row in part.rows]
        position = part.position
    return found


def _places(account: Any) -> list[int]:
    from auditlog.sealing.models import Seal

    return list(Seal.objects.filter(account_id=account.pk).order_by("seq").values_list("seq", flat=True))


if __name__ == "__main__":
    sys.exit(main())
