"""When the demo is not seeded: everybody knows its password, so it stays away from anybody's own data."""

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from accounts.models import User

from .factories import AccountFactory

pytestmark = pytest.mark.django_db


def seed_demo(**options: Any) -> str:
    out = StringIO()
    call_command("seed_demo", stdout=out, **options)
    return out.getvalue()


def test_it_stays_away_from_accounts_of_others() -> None:
    AccountFactory()
    assert "The demo is not seeded. This database holds accounts of others" in seed_demo()
    assert not User.objects.exists()


def test_it_notices_that_it_was_interrupted() -> None:
    AccountFactory(slug="acme")
    assert "seeding was interrupted" in seed_demo()


@pytest.mark.parametrize("number", [0, -5, 10_000_000])
def test_it_refuses_absurd_numbers(number: int) -> None:
    with pytest.raises(CommandError, match=f"--entries is {number:,}: choose between 500 and 200,000"):
        seed_demo(entries=number)
