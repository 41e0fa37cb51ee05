"""Health, for load balancers, monitoring and support staff: what each is told, and when it is bad news."""

from datetime import date, timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from auditlog.partitions import name_of
from auditlog.sealing.models import SealerState, Stall, Verification
from auditlog.sealing.sealer import seal
from auditlog.sealing.verify import ALTERED

from .factories import UserFactory, make_people
from .history import text_of
from .sealing import KEY

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def sealed(settings: Settings) -> None:
    settings.SEALING_KEYS = [KEY]
    make_people()
    seal()


def status(client: Client) -> int:
    return int(client.get("/health/log/").status_code)


def test_a_sealed_log_is_well(client: Client) -> None:
    assert client.get("/health/").json() == {"status": "ok"}
    assert client.get("/health/log/").json() == {"status": "ok", "unrecorded": 0}


def test_a_sealer_that_is_gone_is_not(client: Client) -> None:
    SealerState.objects.update(time=timezone.now() - timedelta(minutes=2))
    assert status(client) == 503
    assert client.get("/health/").status_code == 200  # Servers that work stay in service.
    SealerState.objects.all().delete()
    assert status(client) == 503


def test_an_account_that_stopped_is_not(client: Client) -> None:
    Stall.objects.create(account_id=1, entry_id=uuid4(), since=timezone.now(), reason="it is altered")
    assert status(client) == 503


def test_what_was_altered_is_not(client: Client) -> None:
    Verification.objects.create(account_id=1, time=timezone.now(), status=ALTERED, problem="entry 4: …")
    answer = client.get("/health/log/")
    assert answer.status_code == 503
    told = {"status": "failing", "failing": ["log"], "unrecorded": 0}
    assert answer.json() == told, "no more than that for everybody"


@pytest.mark.parametrize("table", ["auditlog_entry", "auditlog_seal", name_of(date.today())])  # noqa: DTZ011
def test_a_trigger_that_was_switched_off_is_not(table: str, client: Client) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER refuse_change")
        try:
            assert status(client) == 503
        finally:
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER refuse_change")
    assert status(client) == 200


def test_support_staff_see_the_figures_and_nobody_else(client: Client) -> None:
    Verification.objects.create(account_id=1, time=timezone.now(), status=ALTERED, problem="entry 4: its body")
    SealerState.objects.update(time=timezone.now() - timedelta(minutes=2))
    assert client.get("/admin/auditlog/health/").status_code == 302
    client.force_login(UserFactory())
    assert client.get("/admin/auditlog/health/").status_code == 302
    client.force_login(UserFactory(is_staff=True))
    shown = text_of(client.get("/admin/auditlog/health/"))
    assert "entry 4: its body" in shown
    assert "seconds ago" in shown
    assert "manage.py seal_log has to run." in shown
