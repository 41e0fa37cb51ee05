"""The pages about oneself: profile, password, sign-in history, time zone and theme."""

import logging
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Account, Plan, User
from accounts.roles import Role
from accounts.throttles import FREE_OF_PERSON
from accounts.time_zones import valid_zone, zone_choices, zone_named
from auditlog.models import Entry
from auditlog.sign_ins import sign_ins_of
from controlcenter.context import ANONYMOUS, Where, acting_as, attempting
from controlcenter.operations import Operation

from . import PASSWORD
from .factories import MemberFactory, People, UserFactory, make_people
from .history import (
    LONG_AGO,
    entries_of,
    log_that_refuses,
    member_with,
    multiply,
    sign_in_long_ago,
    text_of,
    the_entry,
    write,
)
from .support import give_access

pytestmark = pytest.mark.django_db

YOU, NEW_PASSWORD, SIGN_INS = "/you/", "/you/password/", "/you/sign-ins/"
LOGS = "/@acme/teams-and-logs/"
NEW = "another-long-secret"
NOW = datetime(2026, 11, 22, 22, 30, tzinfo=UTC)  # It is tomorrow already in Berlin and in Tokyo.


@pytest.fixture
def people() -> People:
    people = make_people()
    User.objects.update(created_at=LONG_AGO)
    for person in (people.owner, people.member):
        person.refresh_from_db()
    return people


@pytest.fixture
def page(people: People, client: Client) -> Client:
    sign_in_long_ago(client, people.member)
    return client


def send(client: Client, url: str = YOU, **typed: str) -> HttpResponse:
    """Open a form, type into it and send it."""
    form = client.get(url).context["form"]
    values = {field.html_name: field.value() for field in form if field.value() is not None}
    response: HttpResponse = client.post(url, {**values, **typed})  # type: ignore[assignment]
    return response


def errors(response: Any) -> dict[str, list[str]]:
    found: dict[str, list[str]] = response.context["form"].errors
    return found


# Profile


def test_it_saves_what_one_is_called(page: Client, people: People) -> None:
    assert send(page, first_name="Maxine", last_name="Muster")["Location"] == YOU
    people.member.refresh_from_db()
    assert people.member.full_name == "Maxine Muster"
    entry = the_entry(people.acme, Operation.USER_UPDATE)
    assert (entry.success, entry.actor_id, entry.targets) == (True, people.member.pk, [{"type": "user", "id": "max"}])
    assert set(entry.event["changes"]) == {"first_name", "last_name"}


def test_a_message_leads_to_the_entry(page: Client, people: People) -> None:
    send(page, first_name="Maxine")
    entry = the_entry(people.acme, Operation.USER_UPDATE)
    assert f"{LOGS}entries/{entry.id}/" in page.get(YOU).content.decode()


def test_nothing_changed_is_no_entry(page: Client, people: People) -> None:
    assert send(page).status_code == 302
    assert not entries_of(people.acme, Operation.USER_UPDATE)


def test_the_user_id_is_shown_and_stays(page: Client, people: People) -> None:
    assert "User ID max Your user ID stands in addresses and in the log, and stays as it is." in text_of(page.get(YOU))
    send(page, slug="other", is_staff="on", home="")
    people.member.refresh_from_db()
    assert (people.member.slug, people.member.is_staff, people.member.home) == ("max", False, people.acme)


def test_another_address_needs_the_password(page: Client, people: People) -> None:
    for wrong in ("", "guess-17"):
        response = send(page, email="new@acme.example", current_password=wrong)
        assert response.status_code == 422
        assert list(errors(response)) == ["current_password"]
        assert b"guess-17" not in response.content
    people.member.refresh_from_db()
    assert people.member.email == "max@acme.example"
    assert send(page, email="New@Acme.example", current_password=PASSWORD).status_code == 302
    people.member.refresh_from_db()
    assert people.member.email == "new@acme.example"
    [*refused, entry] = entries_of(people.acme, Operation.USER_UPDATE)
    assert [entry.event["failure"]["code"] for entry in refused] == ["invalid", "invalid"]
    assert set(entry.event["changes"]) == {"email"}


def test_saving_often_with_a_password_filled_in_counts_no_try(page: Client, people: People) -> None:
    """Browsers fill it in; it is looked at, and counted, for another address only."""
    for number in range(FREE_OF_PERSON + 2):
        assert send(page, first_name=f"Max {number}", current_password="not-the-one").status_code == 302
    tries = [send(page, email="new@acme.example", current_password="guess") for _ in range(FREE_OF_PERSON + 2)]
    assert [response.status_code for response in tries] == [422] * FREE_OF_PERSON + [429, 429]


def test_the_old_address_signs_nobody_in(page: Client, people: People, client: Client) -> None:
    send(page, email="new@acme.example", current_password=PASSWORD)
    assert not Client().login(username="max@acme.example", password=PASSWORD)
    assert Client().login(username="new@acme.example", password=PASSWORD)


def test_an_address_has_one_user(page: Client, people: People) -> None:
    response = send(page, email="OLGA@acme.example", current_password=PASSWORD)
    assert errors(response) == {"email": ["Another user has this e-mail address. Choose another one."]}
    assert 'value="olga@acme.example"' in response.content.decode().lower()


def test_a_refused_form_does_not_rename_who_is_signed_in_on_its_page(page: Client, people: People) -> None:
    content = send(page, first_name="Unsaved", email="no address").content.decode()
    assert 'value="Unsaved"' in content
    assert "You: </span>Max Member" in content


def test_somebody_else_s_change_is_not_overwritten(page: Client, people: People) -> None:
    opened = {field.html_name: field.value() or "" for field in page.get(YOU).context["form"]}
    User.objects.filter(pk=people.member.pk).update(first_name="Maximilian")
    response: Any = page.post(YOU, {**opened, "first_name": "Maxine"})
    assert "First name is “Maximilian” now." in str(errors(response))
    again = {field.html_name: field.value() or "" for field in response.context["form"]}
    assert page.post(YOU, again).status_code == 302
    people.member.refresh_from_db()
    assert people.member.first_name == "Maxine"


def test_the_log_is_not_told_what_somebody_else_changed(page: Client, people: People) -> None:
    opened = {field.html_name: field.value() or "" for field in page.get(YOU).context["form"]}
    User.objects.filter(pk=people.member.pk).update(email="new@acme.example")
    assert "E-mail address is “new@acme.example” now." in str(errors(page.post(YOU, opened)))
    [*_, refused] = entries_of(people.acme, Operation.USER_UPDATE)
    assert refused.event["failure"]["code"] == "conflict"
    assert b"new@acme.example" not in bytes(refused.body)


def test_choosing_a_theme_beside_it_is_no_conflict(page: Client, people: People) -> None:
    opened = {field.html_name: field.value() or "" for field in page.get(YOU).context["form"]}
    page.post("/preferences/", {"theme": "dark"})
    assert page.post(YOU, {**opened, "first_name": "Maxine"}).status_code == 302
    people.member.refresh_from_db()
    assert (people.member.first_name, people.member.theme) == ("Maxine", "dark")


@pytest.mark.parametrize(
    ("url", "typed"),
    [
        (YOU, {"first_name": "Maxine"}),
        (NEW_PASSWORD, {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW}),
    ],
)
def test_a_form_sent_twice_is_carried_out_once(url: str, typed: dict[str, str], page: Client) -> None:
    again = "0191e7a8-0000-7000-8000-000000000001"
    first = send(page, url, **typed, submission=again)
    count = Entry.objects.count()
    second = page.post(url, {**typed, "submission": again})
    assert (first["Location"], second["Location"]) == (url, url)
    assert Entry.objects.count() == count


def test_who_has_no_home_is_recorded_on_the_platform(client: Client) -> None:
    client.force_login(UserFactory(slug="lost", home=None))
    assert send(client, first_name="Found").status_code == 302
    platform = Account.objects.get(pk=Account.PLATFORM_ID)
    assert the_entry(platform, Operation.USER_UPDATE).targets == [{"type": "user", "id": "lost"}]
    assert client.get(SIGN_INS).status_code == 200


def test_what_the_log_refuses_is_not_saved(page: Client, people: People) -> None:
    with log_that_refuses():
        assert send(page, first_name="Maxine").status_code == 503
    people.member.refresh_from_db()
    assert people.member.first_name == "Max"


# Password


def change_password(client: Client, old: str = PASSWORD, new: str = NEW, again: str | None = None) -> HttpResponse:
    typed = {"old_password": old, "new_password1": new, "new_password2": new if again is None else again}
    return send(client, NEW_PASSWORD, **typed)


def test_it_changes_the_password(page: Client, people: People) -> None:
    assert change_password(page)["Location"] == NEW_PASSWORD
    assert not Client().login(username="max@acme.example", password=PASSWORD)
    assert Client().login(username="max@acme.example", password=NEW)
    entry = the_entry(people.acme, Operation.USER_PASSWORD_CHANGE)
    assert entry.event["changes"] == {"password": ["[masked]", "[masked]"]}
    assert (entry.actor_id, entry.targets) == (people.member.pk, [{"type": "user", "id": "max"}])


def test_this_session_stays_and_all_others_end(page: Client, people: People) -> None:
    other = Client()
    sign_in_long_ago(other, people.member)
    assert other.get(YOU).status_code == 200
    key = page.session.session_key
    change_password(page)
    assert page.get(YOU).status_code == 200
    assert page.session.session_key != key
    assert other.get(YOU)["Location"].startswith("/sign-in/")


@pytest.mark.parametrize(
    ("old", "new", "again", "field", "says"),
    [
        ("guess", NEW, NEW, "old_password", "not the password you sign in with now"),
        (PASSWORD, NEW, "another-long-typo", "new_password2", "not the same"),
        (PASSWORD, "short", "short", "new_password2", "at least 12 characters"),
        (PASSWORD, "max@acme.example", "max@acme.example", "new_password2", "too similar"),
        (PASSWORD, "administrator", "administrator", "new_password2", "too common"),
        ("", "", "", "old_password", "required"),
    ],
)
def test_a_password_that_will_not_do(
    old: str, new: str, again: str, field: str, says: str, page: Client, people: People
) -> None:
    response = change_password(page, old, new, again)
    assert response.status_code == 422
    assert says in str(errors(response)[field])
    assert Client().login(username="max@acme.example", password=PASSWORD)
    entry = the_entry(people.acme, Operation.USER_PASSWORD_CHANGE)
    assert (entry.success, entry.event["failure"]["code"]) == (False, "invalid")


def test_no_password_is_ever_written_down(page: Client, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        pages = [
            change_password(page, "guess-17-old"),
            change_password(page, new="guess-17-new", again="guess-17-typo"),
        ]
        pages += [send(page, email="new@acme.example", current_password="guess-17-old")]
        change_password(page, new="guess-17-new-one")
    written = caplog.text.encode() + b"".join(bytes(entry.body) for entry in Entry.objects.all())
    assert b"guess-17" not in written + b"".join(page.content for page in pages)


# Sign-in history


def labels(response: Any) -> list[str]:
    return [row.label for row in response.context["rows"]]


def fail_to_sign_in(person: User, address: str = "198.51.100.9") -> None:
    with acting_as(ANONYMOUS, Where(address, address, user_agent="curl/8")):
        account_id = person.home_id or Account.PLATFORM_ID
        with attempting(Operation.USER_SIGN_IN_FAILED, account_id=account_id, target=person) as attempt:
            attempt.refuse("invalid_credentials", "They do not go together.")


def test_it_shows_sign_ins_and_what_failed_and_nobody_else_s(people: People, client: Client) -> None:
    for email, password in (
        ("max@acme.example", "guess"),
        ("max@acme.example", PASSWORD),
        ("olga@acme.example", "guess"),
    ):
        client.post("/sign-in/", {"username": email, "password": password})
    change_password(client)
    Client().post("/sign-in/", {"username": "olga@acme.example", "password": PASSWORD})
    response = client.get(SIGN_INS)
    assert labels(response) == ["Passwords changed", "Users signed in", "Sign-ins failed"]
    assert "127.0.0.1" in text_of(response)
    assert "Invalid credentials" in text_of(response)


def test_it_shows_them_whatever_role_and_plan(people: People, client: Client) -> None:
    user = member_with(Role.FINANCIAL_MANAGER, people.acme)
    people.acme.plan = Plan.objects.get(slug="community")
    people.acme.save()
    client.force_login(user)
    assert labels(client.get(SIGN_INS)) == ["Users signed in"]


def test_it_shows_as_far_back_as_entries_are_kept(people: People, client: Client) -> None:
    people.acme.plan.retention_days = 30
    people.acme.plan.save()
    for days in (31, 29):
        with time_machine.travel(datetime.now(UTC) - timedelta(days=days)):
            fail_to_sign_in(people.member)
    sign_in_long_ago(client, people.member)
    assert labels(client.get(SIGN_INS)) == ["Sign-ins failed"]


def test_who_bore_the_id_before_is_somebody_else(people: People, client: Client) -> None:
    with time_machine.travel(datetime.now(UTC) - timedelta(days=1)):
        former = UserFactory(slug="robin", home=people.acme)
        fail_to_sign_in(former)
    former.delete()
    robin = UserFactory(slug="robin", home=people.acme)
    sign_in_long_ago(client, robin)
    assert labels(client.get(SIGN_INS)) == []


def test_it_finds_an_address_and_what_failed(page: Client, people: People) -> None:
    for address in ("198.51.100.9", "203.0.113.7"):
        fail_to_sign_in(people.member, address)
    page.post("/sign-in/", {"username": "max@acme.example", "password": PASSWORD})
    assert labels(page.get(SIGN_INS)) == ["Users signed in", "Sign-ins failed", "Sign-ins failed"]
    assert labels(page.get(f"{SIGN_INS}?show=failed")) == ["Sign-ins failed"] * 2
    assert labels(page.get(f"{SIGN_INS}?q=198.51")) == ["Sign-ins failed"]
    assert "Nothing from an address that begins with “10.”" in text_of(page.get(f"{SIGN_INS}?q=10."))
    assert "Failed only" in text_of(page.get(f"{SIGN_INS}?show=failed&q=10."))


@pytest.mark.parametrize(
    "query", ["before=x", "after=1", "show=all", "q=%00", "q=%25", "before=" + "0" * 32 + "&after=x"]
)
def test_a_made_up_address_is_no_error(query: str, page: Client, people: People) -> None:
    fail_to_sign_in(people.member)
    assert page.get(f"{SIGN_INS}?{query}").status_code == 200


def test_its_pages_meet_every_row_once(page: Client, people: People) -> None:
    fail_to_sign_in(people.member)
    multiply(the_entry(people.acme, Operation.USER_SIGN_IN_FAILED), 119)
    seen: list[Any] = []
    url = SIGN_INS
    while url:
        response = page.get(url)
        seen += [row.id for row in response.context["rows"]]
        older = response.context["page"]["older_url"]
        url = f"{SIGN_INS}{older}" if older else ""
    assert len(seen) == len(set(seen)) == 120
    newer = page.get(f"{SIGN_INS}{response.context['page']['newer_url']}")
    assert [row.id for row in newer.context["rows"]] == seen[50:100]


def test_its_cost_does_not_grow(page: Client, people: People) -> None:
    fail_to_sign_in(people.member)
    counts = []
    for more in (9, 990):
        multiply(entries_of(people.acme, Operation.USER_SIGN_IN_FAILED)[0], more)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            page.get(SIGN_INS)
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 6


def test_it_reads_few_rows_of_a_large_account(people: People) -> None:
    for person in (people.owner, people.member):
        fail_to_sign_in(person)
    theirs, own = entries_of(people.acme, Operation.USER_SIGN_IN_FAILED)
    multiply(theirs, 5000)
    multiply(own, 100)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE auditlog_entry")
    plan = sign_ins_of(people.member).newest_first()[:51].explain(analyze=True)
    read = sum(int(float(rows)) for rows in re.findall(r"Rows Removed by Filter: ([\d.]+)", plan))
    assert read < 500, plan


# Time zone


def choose_zone(person: User, zone: str) -> None:
    User.objects.filter(pk=person.pk).update(time_zone=zone)


def test_a_time_zone_is_chosen_and_recorded(page: Client, people: People) -> None:
    send(page, time_zone="Europe/Berlin")
    assert the_entry(people.acme, Operation.USER_UPDATE).event["changes"] == {"time_zone": ["UTC", "Europe/Berlin"]}
    assert '<option value="Europe/Berlin" selected>Berlin</option>' in page.get(YOU).content.decode()


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../etc/passwd", "", "x" * 500])
def test_a_time_zone_that_there_is_not_is_refused(zone: str, page: Client, people: People) -> None:
    assert list(errors(send(page, time_zone=zone))) == ["time_zone"]
    with pytest.raises(ValidationError, match="There is no time zone"):
        valid_zone(zone)


def test_every_zone_offered_is_one() -> None:
    offered = [name for _, zones in zone_choices("US/Eastern")[1:-1] for name, _ in list[Any](zones)]
    assert len(offered) > 300
    assert all(zone_named(name).key == name for name in offered)
    assert zone_choices("US/Eastern")[-1] == ("US/Eastern", "US/Eastern")
    assert zone_named("Gone/Away").key == "UTC"


@time_machine.travel(NOW, tick=False)
def test_the_log_is_shown_in_the_zone_of_who_looks(page: Client, people: People) -> None:
    choose_zone(people.member, "Asia/Tokyo")
    write(people.acme, people.member, [("Late", NOW - timedelta(minutes=1))])
    response = page.get(LOGS)
    assert response["Location"] == f"{LOGS}?tz=Asia%2FTokyo"
    response = page.get(response["Location"])
    assert "Times in Asia/Tokyo" in text_of(response)
    assert "Nov 23 07:29:00" in text_of(response)
    assert response.context["period"].to_date == "2026-11-23"


@time_machine.travel(NOW, tick=False)
def test_an_address_that_is_shared_shows_the_same_to_whoever_opens_it(page: Client, people: People) -> None:
    sender = page.get(f"{LOGS}?range=7d").request["QUERY_STRING"]
    choose_zone(people.member, "Asia/Tokyo")
    kept = page.get(f"{LOGS}?{sender}&tz=Europe%2FBerlin")
    assert str(kept.context["period"].zone) == "Europe/Berlin"
    kept = page.get(f"{LOGS}?range=7d&tz=UTC")
    assert (kept.status_code, kept.context["tz"], str(kept.context["period"].zone)) == (200, "UTC", "UTC")
    dates = page.get(f"{LOGS}?from=2026-11-01&to=2026-11-02")
    assert (dates.status_code, str(dates.context["period"].zone)) == (200, "UTC")
    assert page.get(f"{LOGS}?from=2026-11-01&to=2026-11-02&tz=UTC")["Location"].endswith(
        "from=2026-11-01&to=2026-11-02"
    )
    assert page.get(f"{LOGS}?from=2026-11-01&to=2026-11-02&tz=Asia/Tokyo").status_code in {200, 302}


def test_looking_at_everything_in_one_s_own_zone_is_no_view_through_a_filter(page: Client, people: People) -> None:
    choose_zone(people.member, "Asia/Tokyo")
    page.get(f"{LOGS}?tz=Asia%2FTokyo")
    assert not entries_of(people.acme, Operation.LOG_VIEW)
    page.get(f"{LOGS}?range=7d&tz=Asia%2FTokyo")
    assert entries_of(people.acme, Operation.LOG_VIEW)


@time_machine.travel(NOW, tick=False)
def test_an_entry_is_shown_in_the_zone_of_who_looks(page: Client, people: People) -> None:
    choose_zone(people.member, "Asia/Tokyo")
    write(people.acme, people.member, [("Late", NOW)])
    [entry] = entries_of(people.acme, Operation.MODEL_CREATE)
    assert "2026-11-23 07:30:00.000000 JST" in text_of(page.get(f"{LOGS}entries/{entry.id}/"))


@time_machine.travel(NOW, tick=False)
def test_the_history_is_shown_in_the_zone_of_who_looks(page: Client, people: People) -> None:
    choose_zone(people.member, "Asia/Tokyo")
    fail_to_sign_in(people.member)
    text = text_of(page.get(SIGN_INS))
    assert "Times in Asia/Tokyo" in text
    assert "Nov 23 07:30:00" in text


@time_machine.travel(NOW, tick=False)
def test_one_person_s_zone_is_not_the_next_one_s(page: Client, people: People) -> None:
    choose_zone(people.member, "Asia/Tokyo")
    page.get(f"{LOGS}?tz=Asia%2FTokyo")
    other = Client()
    sign_in_long_ago(other, people.owner)
    assert other.get(LOGS).status_code == 200


@time_machine.travel(NOW, tick=False)
def test_support_staff_see_entries_in_utc(client: Client, people: People) -> None:
    support = UserFactory(is_staff=True, home=None, time_zone="Asia/Tokyo")
    client.force_login(support)
    give_access(support, people.acme.pk)
    write(people.acme, people.member, [("Late", NOW)])
    response = client.get("/admin/auditlog/entry/?account=acme&from=2026-11-22&to=2026-11-22")
    assert "2026-11-22 22:30:00" in text_of(response)


# Theme


def theme_of(client: Client) -> str:
    content = client.get(YOU).content.decode()
    return "dark" if 'data-theme="dark"' in content else "light" if 'data-theme="light"' in content else "system"


def test_a_theme_goes_with_the_person(page: Client, people: People) -> None:
    assert page.post("/preferences/", {"theme": "dark", "next": YOU})["Location"] == YOU
    other = Client()
    sign_in_long_ago(other, people.member)
    assert theme_of(other) == "dark"
    other.post("/preferences/", {"theme": "system"})
    assert theme_of(page) == "system"
    assert entries_of(people.acme, Operation.USER_UPDATE) == []


def test_until_one_is_chosen_the_browser_s_own_counts(page: Client) -> None:
    page.cookies["theme"] = "dark"
    assert theme_of(page) == "dark"


def test_a_theme_is_for_who_is_signed_in_only(client: Client, people: People) -> None:
    client.post("/preferences/", {"theme": "dark"})
    assert not User.objects.exclude(theme="").exists()


# The way there


def test_the_pages_lead_to_each_other(page: Client) -> None:
    for url in (YOU, NEW_PASSWORD, SIGN_INS):
        content = page.get(url).content.decode()
        assert content.count(f'href="{url}" aria-current="page"') == 1
        for other in (YOU, NEW_PASSWORD, SIGN_INS):
            assert content.count(f'href="{other}"') >= 2  # a tab, and a line of the menu
        assert 'href="/@acme/tokens/"' in content


def test_who_is_in_no_account_has_the_pages_too(client: Client) -> None:
    client.force_login(UserFactory(home=None))
    for url in (YOU, NEW_PASSWORD, SIGN_INS):
        content = client.get(url).content.decode()
        assert "/tokens/" not in content


def test_another_membership_changes_nothing(page: Client, people: People) -> None:
    MemberFactory(user=people.member, account=people.stranger.home)
    send(page, first_name="Maxine")
    assert the_entry(people.acme, Operation.USER_UPDATE).success
