"""When the demo is not seeded: everybody knows its password, so it stays away from anybody's own data."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db.models.signals import post_save

from accounts.models import Account, User
from auditlog.demo.cast import DEMO_PASSWORD

from .factories import AccountFactory, UserFactory

pytestmark = pytest.mark.django_db


def seed_demo(**options: Any) -> str:
    out = StringIO()
    call_command("seed_demo", stdout=out, **options)
    return out.getvalue()


@contextmanager
def interrupted_by_an_operation() -> Iterator[None]:
    """Send what Ctrl-C sends when the first organization is saved."""

    def interrupt(**_: Any) -> None:
        signal.raise_signal(signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # A shell's background jobs ignore it.
    post_save.connect(interrupt, sender=Account)
    try:
        yield
    finally:
        post_save.disconnect(interrupt, sender=Account)
        signal.signal(signal.SIGINT, before)


def test_it_stays_away_from_accounts_of_others() -> None:
    AccountFactory()
    assert "this database holds accounts or users of others" in seed_demo()
    assert not User.objects.exists()


def test_it_stays_away_from_users_of_others() -> None:
    UserFactory(home=None)
    assert "this database holds accounts or users of others" in seed_demo()
    assert not Account.objects.filter(slug="acme").exists()


def test_it_says_that_it_was_interrupted_and_how_to_sign_in() -> None:
    AccountFactory(slug="acme")
    UserFactory(slug="ana", email="ana@acme.example", home=None)
    printed = seed_demo()
    assert "Seeding the demo was interrupted" in printed
    assert "make clean" in printed
    assert DEMO_PASSWORD in printed


def test_ctrl_c_takes_back_what_is_not_finished() -> None:
    with pytest.raises(KeyboardInterrupt), interrupted_by_an_operation():
        seed_demo(entries=500)
    assert not Account.objects.exclude(pk=Account.PLATFORM_ID).exists()


@pytest.mark.parametrize("number", [0, -5, 10_000_000])
def test_it_refuses_absurd_numbers(number: int) -> None:
    with pytest.raises(CommandError, match=f"--entries is {number:,}: choose between 500 and 200,000"):
        seed_demo(entries=number)
