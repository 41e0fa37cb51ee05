"""The second factor: set up with an app, asked for at each sign-in, used once, and reset only by support staff."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts import second_factor as factors
from accounts.models import SecondFactor, User
from auditlog.models import Entry
from controlcenter.context import ActorType
from controlcenter.operations import Operation as Op

from . import PASSWORD
from .factories import TOTP_SECRET, People, SecondFactorFactory, UserFactory, make_people
from .history import entries_of, failures_of, log_that_refuses, queries_for, sign_in_long_ago, text_of, the_entry
from .support import StaffClient

pytestmark = pytest.mark.django_db

SIGN_IN, CODE, PAGE = "/sign-in/", "/sign-in/code/", "/you/second-factor/"
CODES, OFF = f"{PAGE}codes/", f"{PAGE}off/"
NOW = datetime(2026, 11, 22, 12, 0, 10, tzinfo=UTC)


@pytest.fixture
def people() -> People:
    return make_people()


@pytest.fixture
def page(people: People, client: Client) -> Client:
    sign_in_long_ago(client, people.member)
    return client


@pytest.fixture
def factor(people: People) -> SecondFactor:
    made: SecondFactor = SecondFactorFactory(user=people.member)
    return made


def code_now(steps: int = 0) -> str:
    """Return what the app of the tests shows now, or showed some steps of half a minute ago."""
    return factors.code_at(TOTP_SECRET, int(timezone.now().timestamp()) // 30 + steps)


def sign_in(client: Client, email: str = "max@acme.example", **data: str) -> Any:
    return client.post(SIGN_IN, {"username": email, "password": PASSWORD, **data})


def is_signed_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


def all_written() -> bytes:
    return b"".join(bytes(entry.body) for entry in Entry.objects.all())


# Codes


@pytest.mark.parametrize(
    ("time", "code"),
    [(59, "287082"), (1111111109, "081804"), (1111111111, "050471"), (1234567890, "005924"), (20000000000, "353130")],
)
def test_codes_are_those_of_the_standard(time: int, code: str) -> None:
    assert factors.code_at(TOTP_SECRET, time // 30) == code


@pytest.mark.parametrize(("steps", "counts"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_a_code_counts_a_step_before_and_after_its_own(steps: int, counts: bool) -> None:
    step = int(NOW.timestamp()) // 30 + steps
    assert factors.step_of(TOTP_SECRET, factors.code_at(TOTP_SECRET, step), NOW) == (step if counts else None)


def test_a_secret_is_stored_encrypted_and_survives_a_new_key_beside_the_old(settings: Settings) -> None:
    sealed, digest = factors.seal(TOTP_SECRET), factors.digest_of("k3mzp-w7x2q")
    assert TOTP_SECRET.decode() not in sealed
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another-secret-key-" * 3, [settings.SECRET_KEY]
    assert factors.unseal(sealed) == TOTP_SECRET
    assert digest in factors.digests_of("K3MZP W7X2Q")
    settings.SECRET_KEY_FALLBACKS = []
    with pytest.raises(factors.Unreadable, match="SECRET_KEY_FALLBACKS"):
        factors.unseal(sealed)


# Setting it up


def set_up(page: Client, url: str = PAGE) -> Any:
    """Open the page, put the secret into an app, and type the code that it shows, and the password."""
    page.get(url)
    return page.post(url, {"code": shown_by_app(page), "password": PASSWORD})


def shown_by_app(page: Client) -> str:
    """Return what an app shows that has scanned what the page offers."""
    return factors.code_at(factors.unseal(page.session["second_factor"]), int(timezone.now().timestamp()) // 30)


def test_it_is_set_up_with_a_picture_and_a_code(page: Client, people: People) -> None:
    content = page.get(PAGE).content.decode()
    typed = factors.typed_form(factors.unseal(page.session["second_factor"]))
    assert '<svg viewBox="0 0' in content
    assert typed in content
    assert " style=" not in content
    response = set_up(page)
    assert len(response.context["codes"]) == 10
    assert typed not in response.content.decode()
    entry = the_entry(people.acme, Op.USER_SECOND_FACTOR_ADD)
    assert (entry.success, entry.actor_id, entry.event["sentence"]) == (
        True,
        people.member.pk,
        "Set up a second factor of user 'max'",
    )


def test_the_picture_stays_the_same_until_it_is_used(page: Client) -> None:
    first = page.get(PAGE).context["typed"]
    assert page.post(PAGE, {"code": "000000"}).context["typed"] == first == page.get(PAGE).context["typed"]


def test_nobody_sets_one_up_without_signing_in(people: People, client: Client) -> None:
    assert client.get(PAGE)["Location"].startswith(SIGN_IN)
    assert client.post(PAGE, {"code": "123456"})["Location"].startswith(SIGN_IN)


def test_a_wrong_code_sets_nothing_up(page: Client, people: People) -> None:
    response = page.post(PAGE, {"code": "000000", "password": PASSWORD})
    assert response.status_code == 422
    assert list(response.context["form"].errors) == ["code"]
    assert not SecondFactor.objects.exists()
    [(code, _)] = failures_of(people.acme, Op.USER_SECOND_FACTOR_ADD)
    assert code == "invalid"


@pytest.mark.parametrize("code", ["１２３４５６", "٠١٢٣٤٥", "²" * 6, "ﷺ" * 40, "é", "🔑"])
def test_what_is_no_code_in_ascii_is_a_wrong_one(code: str, page: Client) -> None:
    page.get(PAGE)
    assert page.post(PAGE, {"code": code, "password": PASSWORD}).status_code == 422


def test_full_width_digits_count(page: Client) -> None:
    page.get(PAGE)
    wide = "".join(chr(ord(digit) + 0xFEE0) for digit in shown_by_app(page))
    assert page.post(PAGE, {"code": wide, "password": PASSWORD}).status_code == 200
    assert SecondFactor.objects.exists()


@pytest.mark.parametrize("password", ["", "guess"])
def test_who_found_an_open_browser_sets_none_up(password: str, page: Client, people: People) -> None:
    page.get(PAGE)
    response = page.post(PAGE, {"code": shown_by_app(page), "password": password})
    assert response.status_code == 422
    assert list(response.context["form"].errors) == ["password"]
    assert not SecondFactor.objects.exists()
    assert failures_of(people.acme, Op.USER_SECOND_FACTOR_ADD)[0][0] == "invalid"


def test_neither_secret_nor_codes_are_shown_or_written_anywhere_else(page: Client, people: People) -> None:
    page.get(PAGE)
    typed = factors.typed_form(factors.unseal(page.session["second_factor"]))
    assert typed.replace(" ", "") not in str(dict(page.session))
    codes = set_up(page).context["codes"]
    factor = SecondFactor.objects.get()
    seen = page.get(PAGE).content.decode() + str(vars(factor)) + all_written().decode()
    for secret in (typed, typed.replace(" ", ""), factors.unseal(factor.secret).hex(), *codes):
        assert secret not in seen
    assert factor.secret not in all_written().decode()
    assert the_entry(people.acme, Op.USER_SECOND_FACTOR_ADD).event["changes"] == {
        "user": [None, "max"],
        "secret": [None, "[masked]"],
        "codes_left": [None, 10],
    }


def test_setting_it_up_ends_other_sessions(page: Client, people: People) -> None:
    elsewhere = Client()
    elsewhere.force_login(people.member)
    set_up(page)
    assert page.get("/you/").status_code == 200
    assert elsewhere.get("/you/")["Location"].startswith(SIGN_IN)


# Signing in with it


def test_nobody_is_signed_in_before_the_code(factor: SecondFactor, client: Client, people: People) -> None:
    assert sign_in(client)["Location"] == CODE
    assert not is_signed_in(client)
    assert client.get("/@acme/apps/")["Location"].startswith(SIGN_IN)
    assert entries_of(people.acme, Op.USER_SIGN_IN) == []
    assert "Type your code" in text_of(client.get(CODE))


def test_the_code_signs_in_and_leads_on(factor: SecondFactor, client: Client, people: People) -> None:
    sign_in(client, next="/@acme/apps/")
    half_way = client.session.session_key
    assert client.post(CODE, {"code": code_now()})["Location"] == "/@acme/apps/"
    assert client.session.session_key != half_way
    assert client.get("/@acme/apps/").status_code == 200
    assert the_entry(people.acme, Op.USER_SIGN_IN).actor_id == people.member.pk


def test_a_wrong_code_is_a_failure_with_a_code_of_its_own(factor: SecondFactor, client: Client, people: People) -> None:
    sign_in(client)
    response = client.post(CODE, {"code": "000000"})
    assert "Nobody was signed in" in text_of(response)
    assert not is_signed_in(client)
    told = [("invalid_code", "The code is wrong, too old, or was used before.")]
    assert failures_of(people.acme, Op.USER_SIGN_IN_FAILED) == told
    assert the_entry(people.acme, Op.USER_SIGN_IN_FAILED).targets == [{"type": "user", "id": "max"}]


def test_a_code_is_used_once(factor: SecondFactor, people: People) -> None:
    with time_machine.travel(NOW, tick=False):
        now, before = code_now(), code_now(-1)
        for client, code, gets_in in ((Client(), now, True), (Client(), now, False), (Client(), before, False)):
            sign_in(client)
            client.post(CODE, {"code": code})
            assert is_signed_in(client) is gets_in


@pytest.mark.parametrize("code", ["", " ", "\0", "12345", "1234567", "１２３４５６", "²" * 6, "x" * 5000])
def test_garbage_is_no_code(code: str, factor: SecondFactor, client: Client) -> None:
    sign_in(client)
    assert client.post(CODE, {"code": code}).status_code == 200
    assert not is_signed_in(client)


def test_there_is_no_code_to_ask_for_without_a_password(factor: SecondFactor, client: Client) -> None:
    assert client.get(CODE)["Location"] == SIGN_IN
    assert client.post(CODE, {"code": code_now()})["Location"] == SIGN_IN
    assert not is_signed_in(client)


def test_half_way_ends_with_time_and_with_the_password(factor: SecondFactor, people: People) -> None:
    slow, changed = Client(), Client()
    with time_machine.travel(NOW, tick=False) as clock:
        for client in (slow, changed):
            sign_in(client)
        people.member.refresh_from_db()
        clock.shift(601)
        assert slow.post(CODE, {"code": code_now()})["Location"] == SIGN_IN
        clock.move_to(NOW)
        people.member.set_password("a staple no horse has heard of")
        people.member.save()
        assert changed.post(CODE, {"code": code_now()})["Location"] == SIGN_IN
    assert not is_signed_in(slow)
    assert not is_signed_in(changed)


def test_a_code_is_not_used_up_by_a_sign_in_that_can_not_be_recorded(factor: SecondFactor, client: Client) -> None:
    with time_machine.travel(NOW, tick=False):
        sign_in(client)
        with log_that_refuses():
            assert client.post(CODE, {"code": code_now()}).status_code == 503
        assert not is_signed_in(client)
        client.post(CODE, {"code": code_now()})
        assert is_signed_in(client)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kind", ["app", "recovery"])
def test_of_many_who_send_the_same_code_one_gets_in(kind: str, people: People) -> None:
    codes = SecondFactor.set_up(people.member, TOTP_SECRET, step=0)
    code = code_now() if kind == "app" else codes[0]

    def send(_: int) -> bool:
        try:
            return SecondFactor.objects.get().accepts(code)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(send, range(8))) == 1


def test_a_lost_key_lets_nobody_in_and_tells_the_operator(
    factor: SecondFactor, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.SECRET_KEY = "another-secret-key-" * 3
    assert not factor.accepts(code_now())
    assert "name that in SECRET_KEY_FALLBACKS" in caplog.text


# Recovery codes


def test_a_recovery_code_signs_in_once_and_is_told_of(page: Client, people: People) -> None:
    codes = set_up(page).context["codes"]
    other = Client()
    sign_in(other)
    assert other.post(CODE, {"code": f" {codes[3].upper()} "})["Location"] == "/"
    assert "You used a recovery code, 9 are left." in text_of(other.get("/you/"))
    assert "Recovery codes left 9" in text_of(other.get(PAGE))
    entry = the_entry(people.acme, Op.USER_UPDATE)
    assert (entry.event["changes"], entry.actor_id) == ({"codes_left": [10, 9]}, people.member.pk)
    again = Client()
    sign_in(again)
    again.post(CODE, {"code": codes[3]})
    assert not is_signed_in(again)


def test_new_codes_take_the_place_of_the_old(page: Client, people: People) -> None:
    old = set_up(page).context["codes"]
    assert page.post(CODES, {"password": "guess"}).status_code == 422
    new = page.post(CODES, {"password": PASSWORD}).context["codes"]
    factor = SecondFactor.objects.get()
    assert not {*old} & {*new}
    assert [factor.accepts(old[0]), factor.accepts(new[0])] == [False, True]


# Switching it off, and losing it


def test_it_is_switched_off_with_the_password(factor: SecondFactor, page: Client, people: People) -> None:
    elsewhere = Client()
    elsewhere.force_login(people.member)
    assert page.post(OFF, {"password": "guess"}).status_code == 422
    assert page.post(OFF, {"password": PASSWORD})["Location"] == PAGE
    assert not SecondFactor.objects.exists()
    assert elsewhere.get("/you/")["Location"].startswith(SIGN_IN)
    assert sign_in(Client())["Location"] == "/"
    refused, entry = entries_of(people.acme, Op.USER_SECOND_FACTOR_REMOVE)
    assert (refused.success, entry.success, entry.actor_id) == (False, True, people.member.pk)


@pytest.mark.parametrize("url", [CODES, OFF])
def test_without_one_there_is_nothing_to_change(url: str, page: Client) -> None:
    assert page.post(url, {"password": PASSWORD})["Location"] == PAGE


def test_support_staff_reset_a_lost_one_and_the_log_says_so(factor: SecondFactor, people: People) -> None:
    client = StaffClient(UserFactory(is_staff=True, home=None))
    client.post(f"/admin/accounts/secondfactor/{factor.pk}/delete/", {"post": "yes"})
    entry = the_entry(people.acme, Op.USER_SECOND_FACTOR_REMOVE)
    assert (entry.success, entry.actor_type) == (True, ActorType.SUPPORT_STAFF)
    assert sign_in(Client())["Location"] == "/"


def test_support_staff_neither_see_the_secret_nor_make_one(factor: SecondFactor) -> None:
    client = StaffClient(UserFactory(is_staff=True, home=None))
    content = client.get(f"/admin/accounts/secondfactor/{factor.pk}/change/").content.decode()
    assert factor.secret not in content
    assert client.get("/admin/accounts/secondfactor/add/").status_code == 403


# Required by an account


@pytest.fixture
def required(people: People) -> People:
    people.acme.second_factor_required = True
    people.acme.save()
    return people


def test_a_member_without_one_is_led_to_set_it_up(required: People, page: Client) -> None:
    response = page.get("/@acme/apps/?q=a")
    assert response["Location"] == f"{PAGE}?next=%2F%40acme%2Fapps%2F%3Fq%3Da"
    assert "Required by Acme" in text_of(page.get(response["Location"]))
    done = set_up(page, response["Location"])
    assert 'href="/@acme/apps/?q=a"' in done.content.decode()
    assert page.get("/@acme/apps/").status_code == 200


def test_nothing_of_the_account_opens_or_changes_before(required: People, page: Client) -> None:
    response = page.post("/@acme/new-app/", {"name": "New", "slug": "new", "visibility": "private"})
    assert response["Location"].startswith(PAGE)
    [(code, sentence)] = failures_of(required.acme, Op.APPLICATION_CREATE)
    assert code == "second_factor_required"
    assert sentence == "Acme requires a second factor of its members, and who tried has none."


def test_strangers_learn_nothing_of_it(required: People, client: Client) -> None:
    client.force_login(required.stranger)
    assert client.get("/@acme/apps/").status_code == 404


def test_the_settings_page_says_how_many_lack_one(people: People, client: Client) -> None:
    SecondFactorFactory(user=people.owner)
    client.force_login(people.owner)
    page = client.get("/@acme/settings/")
    assert "Second factor 1 of 2 members has none" in text_of(page)
    client.post("/@acme/settings/", {"name": "Acme", "second_factor_required": "on", "version": _version(page)})
    changes = the_entry(people.acme, Op.ORGANIZATION_UPDATE).event["changes"]
    assert changes == {"second_factor_required": [False, True]}
    assert client.get("/@acme/settings/").status_code == 200


def test_who_has_none_can_not_require_one(people: People, client: Client) -> None:
    client.force_login(people.owner)
    form = {"name": "Acme", "second_factor_required": "on", "version": _version(client.get("/@acme/settings/"))}
    refused = client.post("/@acme/settings/", form)
    assert refused.status_code == 422
    assert "Set up your own second factor first." in text_of(refused)
    assert failures_of(people.acme, Op.ORGANIZATION_UPDATE)[0][0] == "invalid"
    people.acme.refresh_from_db()
    assert not people.acme.second_factor_required


def _version(page: Any) -> str:
    return str(page.context["form"]["version"].value())


def test_it_costs_no_query(people: People, page: Client) -> None:
    page.get("/@acme/apps/")
    before = queries_for(page, "/@acme/apps/")
    SecondFactorFactory(user=people.member)
    page.force_login(User.objects.get(pk=people.member.pk))
    people.acme.second_factor_required = True
    people.acme.save()
    page.get("/@acme/apps/")
    assert queries_for(page, "/@acme/apps/") == before


# Required of support staff


@pytest.mark.parametrize("url", ["/admin/", "/admin/accounts/account/", "/admin/auditlog/health/"])
def test_support_staff_need_one_where_it_is_required(url: str, settings: Settings, client: Client) -> None:
    settings.REQUIRE_SECOND_FACTOR_FOR_STAFF = True
    support = UserFactory(is_staff=True, home=None)
    client.force_login(support)
    led = client.get(url, follow=True)
    assert led.redirect_chain[-1][0] == f"{PAGE}?next=%2Fadmin%2F"
    assert "Required by the admin of support staff" in text_of(led)
    set_up(client)
    assert client.get(url).status_code == 200
