"""A log with sealed entries, anchors of it in a folder, and the offline verifier as an auditor runs it."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread
from typing import Any

KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
OTHER_KEY = "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8="
DAYS = 180


@dataclass
class Verdict:
    """What the offline verifier said."""

    status: int
    text: str

    @property
    def first(self) -> str:
        """The first thing that was found to be altered."""
        found = re.search(r"ALTERED +(.*)", self.text.partition("\n")[2])
        return found.group(1) if found else ""


def make_account(slug: str, apps: int = 3) -> Any:
    """Return a new account with an administrator and apps, whose log can be filled."""
    from accounts.roles import Role
    from tests.factories import AccountFactory, AppFactory, MemberFactory

    account = AccountFactory(slug=slug)
    MemberFactory(account=account, role=Role.ADMINISTRATOR)
    AppFactory.create_batch(apps, account=account)
    return account


def fill(account: Any, entries: int, seed: int = 1) -> None:
    """Write entries of the last months into an account's log."""
    from datetime import timedelta

    from django.utils import timezone

    from auditlog.filling import fill
    from auditlog.partitions import make_partitions

    now = timezone.now()
    make_partitions((now - timedelta(days=DAYS)).date(), now.date())
    for _ in fill(account, entries, now - timedelta(days=DAYS), now, seed):
        pass


def record(account: Any, entries: int) -> None:
    """Write entries of right now into an account's log."""
    from django.db import transaction
    from django.utils import timezone

    from auditlog.events import Event
    from auditlog.recorder import record_events
    from controlcenter.context import current
    from controlcenter.operations import Operation

    with transaction.atomic():
        record_events(
            [Event(Operation.MODEL_CREATE, account.pk, timezone.now(), current(), sentence="x") for _ in range(entries)]
        )


def seal_or_let_others() -> None:
    """Seal, unless somebody does so already."""
    from auditlog.sealing.sealer import Busy, seal

    with suppress(Busy):
        seal()


@contextmanager
def sealing() -> Iterator[None]:
    """Inside, the sealer is at work beside everybody else."""
    from django.db import connection

    end = Event()

    def work() -> None:
        while not end.wait(0.05):
            seal_or_let_others()
        connection.close()

    thread = Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()


def anchor(folder: Path) -> Any:
    """Make an anchor and write it into a folder."""
    from auditlog.sealing.anchors import file_name, file_of, make_anchor

    made = make_anchor()
    (folder / file_name(made)).write_bytes(file_of(made))
    return made


@contextmanager
def exported(account: Any) -> Iterator[Path]:
    """Inside, there is a bundle of an account's log."""
    from auditlog.sealing.bundle import export, opened

    with TemporaryDirectory(prefix="controlcenter-bundle-") as folder:
        path = Path(folder) / "bundle"
        with opened(path) as writer:
            export(writer, account.pk, account.slug)
        yield path


def verify_offline(bundle: Path, anchors: Path | None = None, *options: str) -> Verdict:
    """Run the verifier of a bundle as somebody would who has nothing but Python."""
    given = ("--anchors", str(anchors)) if anchors else ()
    program = bundle / "verify.py" if bundle.is_dir() else anchors_program()
    outcome = subprocess.run(
        [sys.executable, "-I", "-S", program, bundle, *given, *options],
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"]},
    )
    return Verdict(outcome.returncode, outcome.stdout + outcome.stderr)


def anchors_program() -> Path:
    """Return the verifier where it stands in the tree."""
    return Path(__file__).parent.parent / "auditlog" / "sealing" / "verify.py"
