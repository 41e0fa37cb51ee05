"""A log is distributed on a real Citus cluster, and read there.

    python -m tests.distributing postgresql://owner@coordinator/empty_database

Needs the extension there and on the workers, and workers that the coordinator knows (docs/scaling.md). It fills two
accounts, distributes what is then a copy, and looks at pages, exports and verification of it.
"""

import contextlib
import io
import sys
import tempfile
from pathlib import Path
from typing import Any

from .servers import set_up

PAGES = (
    "",
    "?range=6m",
    "?status=failure&range=6m",
    "?operation=MODEL_CREATE,MODEL_UPDATE",
    "?text=test",
    "?type=model",
)


def main(url: str) -> int:
    """Do all of it; return 1 if anything went wrong."""
    with tempfile.TemporaryDirectory() as folder:
        set_up(url, Path(folder) / "anchors")
        return distribute()


def distribute() -> int:
    """Fill, distribute and read."""
    from django.conf import settings
    from django.test import Client

    from accounts.models import Account
    from auditlog.sealing.sealer import seal

    from .sealing import fill, make_account

    settings.ALLOWED_HOSTS = ["testserver"]
    settings.STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    if not Account.objects.filter(slug="acme").exists():
        for slug in ("acme", "globex"):
            fill(make_account(slug), 1_000)
        seal()
    print(_said("distribute_log"))  # which names the obstacles
    for _ in range(2):
        print(_said("distribute_log", "--copy"))
    failed = [] if "is distributed by account" in _said("distribute_log", "--check") else ["distribute_log --check"]
    if "This log is distributed" not in _said("seal_log", "--once"):
        failed.append("seal_log works")
    client = Client()
    client.force_login(Account.objects.get(slug="acme").members.get().user)
    logs = "/@acme/teams-and-logs/"
    failed += [query for query in PAGES if client.get(logs + query).status_code != 200]
    exported: Any = client.post(f"{logs}export/?range=6m", {"format": "csv"})
    if exported.getvalue().count(b"\n") < 1_000:
        failed.append("export")
    said = _said("verify_log", "--account", "acme")
    if "ALTERED" in said.upper() or "sealed until" not in said:
        failed.append(f"verify_log: {said}")
    print(f"wrong: {failed}")
    return 1 if failed else 0


def _said(*command: str) -> str:
    from django.core.management import CommandError, call_command

    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        try:
            call_command(*command, stdout=out)
        except (CommandError, SystemExit) as error:
            out.write(f"{error}")
    return out.getvalue()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
