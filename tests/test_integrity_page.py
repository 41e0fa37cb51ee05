"""Integrity in the browser: the badge on the log, the page for the auditor, what it finds and what it hands out."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Account, Member, Plan
from accounts.roles import Role
from auditlog.sealing.anchors import make_anchor
from auditlog.sealing.badge import badge_of, integrity_of
from auditlog.sealing.chores import do_chores, verify_further
from auditlog.sealing.models import Seal, Verification
from auditlog.sealing.results import keep, raise_alarm
from auditlog.sealing.sealer import seal
from auditlog.sealing.verify import Report

from .factories import People, make_people
from .history import member_with, text_of, write
from .sealing import KEY

pytestmark = pytest.mark.django_db(transaction=True)

PAGE, CHECK = "/@acme/teams-and-logs/integrity/", "/@acme/teams-and-logs/integrity/check/"


@pytest.fixture
def people(settings: Settings) -> People:
    settings.SEALING_KEYS, settings.ANCHOR_DIR = [KEY], ""
    people = make_people()
    write(people.acme, people.owner, [(f"Entry {number}", timezone.now()) for number in range(5)])
    return people


def tamper(account: Account) -> Any:
    """Change an entry as a superuser could, and return its place."""
    victim = Seal.objects.filter(account_id=account.pk).order_by("seq")[3]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("UPDATE auditlog_entry SET success = NOT success WHERE id = %s", [victim.entry_id])
    return victim


def badge(people: People, who: Any = None) -> dict[str, Any]:
    member = Member.objects.select_related("account__plan").get(user=who or people.owner, account=people.acme)
    return badge_of(member, timezone.now(), integrity_of(member.account_id))


def today() -> dict[str, str]:
    day = timezone.now().date().isoformat()
    return {"first": day, "last": day}


def test_the_badge_tells_sealed_from_verified(people: People, django_assert_num_queries: Any) -> None:
    assert badge(people)["text"] == "Not sealed yet"
    seal()
    sealed = Seal.objects.filter(account_id=people.acme.pk).count()
    assert badge(people)["text"].startswith("Sealed to ")
    verify_further(people.acme.pk)
    text = badge(people)["text"]
    assert text.startswith("Verified to ")
    assert text.endswith(f", {sealed} entries")
    member = Member.objects.select_related("account__plan").get(user=people.owner, account=people.acme)
    with django_assert_num_queries(1):
        badge_of(member, timezone.now(), integrity_of(member.account_id))


def test_the_badge_raises_the_alarm(people: People) -> None:
    seal()
    victim = tamper(people.acme)
    verify_further(people.acme.pk)
    shown = badge(people)
    assert (shown["tone"], shown["text"]) == ("bad", "Integrity alarm")
    assert f"entry {victim.seq}" in Verification.objects.get(account_id=people.acme.pk).problem


def test_an_alarm_stays_until_everything_was_verified(people: People) -> None:
    seal()
    tamper(people.acme)
    verify_further(people.acme.pk)
    write(people.acme, people.owner, [("after", timezone.now())])
    seal()
    verify_further(people.acme.pk)
    assert badge(people)["text"] == "Integrity alarm"


def test_what_was_verified_is_verified_again(people: People) -> None:
    seal()
    verify_further(people.acme.pk)
    tamper(people.acme)
    verify_further(people.acme.pk)
    assert badge(people)["text"] == "Integrity alarm"


def test_a_log_that_became_shorter_is_an_alarm(people: People) -> None:
    seal()
    verify_further(people.acme.pk)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("DELETE FROM auditlog_block")
    verify_further(people.acme.pk)
    assert badge(people)["text"] == "Integrity alarm"


def test_only_who_may_check_is_led_on_and_only_who_reads_all_is_told_how_many(people: People) -> None:
    seal()
    user = member_with(Role.ORGANIZATION_USER, people.acme)
    auditor = member_with(Role.AUDITOR, people.acme)
    assert badge(people, user)["url"] == ""
    assert "entr" not in badge(people, user)["text"]
    assert badge(people, auditor)["url"] == PAGE


def test_the_page_shows_head_keys_and_anchors(people: People, client: Client) -> None:
    seal()
    do_chores()
    client.force_login(people.owner)
    shown = text_of(client.get(PAGE))
    head = json.loads(json.loads(client.get(f"{PAGE}head.json").content)["text"])
    assert head["key"] in shown
    assert head["root"] in shown
    assert "Signs" in shown
    assert "kept in the database only" in shown


def test_nothing_sealed_is_no_error(people: People, client: Client) -> None:
    client.force_login(people.owner)
    assert "Nothing was signed yet." in text_of(client.get(PAGE))
    assert client.get(f"{PAGE}head.json").status_code == 404
    assert client.get(f"{PAGE}nonsense.json").status_code == 404
    assert "No sealed entries" in text_of(client.post(CHECK, today()))


def test_checking_finds_sound_entries_sound(people: People, client: Client) -> None:
    seal()
    client.force_login(member_with(Role.AUDITOR, people.acme))
    shown = text_of(client.post(CHECK, today()))
    assert "Sound" in shown
    assert "checked just now" in shown


def test_checking_raises_the_alarm_at_once(people: People, client: Client) -> None:
    seal()
    verify_further(people.acme.pk)
    sound = Verification.objects.get(account_id=people.acme.pk)
    assert client.get("/health/log/").status_code == 200
    victim = tamper(people.acme)
    client.force_login(people.owner)
    shown = text_of(client.post(CHECK, today()))
    assert "The log was altered: entry" in shown
    assert "Not verified" in shown
    assert badge(people)["text"] == "Integrity alarm"
    assert client.get("/health/log/").status_code == 503
    kept = Verification.objects.get(account_id=people.acme.pk)
    assert f"entry {victim.seq}" in kept.problem
    assert (kept.last_seq, kept.sealed_until) == (sound.last_seq, sound.sealed_until)


def test_a_verification_that_began_before_an_alarm_does_not_end_it(people: People) -> None:
    seal()
    verify_further(people.acme.pk)
    raise_alarm(Report(people.acme.pk, problems=["entry 4: its body"]))
    keep(Report(people.acme.pk), whole=False)
    assert badge(people)["text"] == "Integrity alarm"
    keep(Report(people.acme.pk), whole=True)
    assert badge(people)["text"] != "Integrity alarm"


def test_what_was_altered_does_not_count_as_verified(people: People, client: Client) -> None:
    seal()
    tamper(people.acme)
    verify_further(people.acme.pk)
    kept = Verification.objects.get(account_id=people.acme.pk)
    assert (kept.last_seq, kept.sealed_until) == (0, None)
    client.force_login(people.owner)
    assert "Not verified" in text_of(client.get(PAGE))


def test_days_before_1970_may_be_asked_for(people: People, client: Client) -> None:
    seal()
    client.force_login(people.owner)
    assert "Sound" in text_of(client.post(CHECK, {"first": "0001-01-01", "last": "9999-12-31"}))
    assert "No sealed entries" in text_of(client.post(CHECK, {"first": "0001-01-01", "last": "1969-12-31"}))


def test_commands_are_the_operators_business(people: People, client: Client) -> None:
    client.force_login(people.owner)
    shown = text_of(client.get(PAGE))
    assert "Nothing was ever sealed. The operator has been told." in shown
    assert "seal_log" not in shown


def test_checking_names_the_first_bad_entry(people: People, client: Client) -> None:
    seal()
    victim = tamper(people.acme)
    client.force_login(people.owner)
    shown = text_of(client.post(CHECK, today()))
    assert f"Entry {victim.seq} ({victim.entry_id}): its column success is not what its body says" in shown


@pytest.mark.parametrize(
    "form", [{}, {"first": "x", "last": "2026-01-01"}, {"first": "2026-02-01", "last": "2026-01-01"}]
)
def test_a_range_that_is_none_is_explained(form: dict[str, str], people: People, client: Client) -> None:
    client.force_login(people.owner)
    answer = client.post(CHECK, form)
    assert answer.status_code == 200
    assert 'role="alert"' in answer.content.decode()


@pytest.mark.parametrize("role", [Role.ORGANIZATION_USER, Role.FINANCIAL_MANAGER, Role.TEAM_CONTRIBUTOR])
def test_other_roles_may_neither_look_nor_check(role: Role, people: People, client: Client) -> None:
    client.force_login(member_with(role, people.acme))
    assert [client.get(PAGE).status_code, client.post(CHECK, today()).status_code] == [403, 403]
    assert client.get(f"{PAGE}keys.json").status_code == 403


def test_strangers_find_nothing(people: People, client: Client) -> None:
    client.force_login(people.stranger)
    assert [client.get(PAGE).status_code, client.post(CHECK, today()).status_code] == [404, 404]
    assert client.get(f"{PAGE}anchor.json").status_code == 404


def test_a_plan_without_the_log_leads_to_what_opens_it(people: People, client: Client) -> None:
    Account.objects.filter(pk=people.acme.pk).update(plan=Plan.objects.get(slug="community"))
    client.force_login(people.owner)
    assert client.get(PAGE)["Location"] == reverse("logs", args=["acme"])


def test_the_anchor_that_is_handed_out_verifies_and_tells_of_no_other_account(
    people: People, client: Client, tmp_path: Path
) -> None:
    from .sealing import exported, verify_offline

    seal()
    make_anchor()
    client.force_login(people.owner)
    answer = client.get(f"{PAGE}anchor.json")
    (tmp_path / "anchor.json").write_bytes(answer.content)
    assert "attachment" in answer["Content-Disposition"]
    assert "heads" not in json.loads(answer.content)
    with exported(people.acme) as bundle:
        verdict = verify_offline(bundle, tmp_path)
    assert verdict.status == 0, verdict.text
