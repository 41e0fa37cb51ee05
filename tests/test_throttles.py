"""Guessing is slow, for whoever guesses, and nobody else is kept waiting; not even by many guesses at once."""

import re
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
import time_machine
from django.contrib.auth.hashers import MD5PasswordHasher
from django.test import Client
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from accounts import throttles
from accounts.invitations import link_to
from accounts.models import Account, Throttle, digest_of
from accounts.second_factor import code_at
from accounts.throttles import Limit, Throttled, count
from auditlog.models import Entry
from controlcenter.context import ANONYMOUS, Where, acting_as
from controlcenter.operations import Operation as Op

from . import PASSWORD
from .factories import (
    TOTP_SECRET,
    AppFactory,
    InvitationFactory,
    People,
    SecondFactorFactory,
    TokenFactory,
    make_people,
)
from .history import failures_of, sign_in_long_ago, text_of

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SIGN_IN, CODE = "/sign-in/", "/sign-in/code/"
OLGA, WRONG = "olga@acme.example", "guess"


@pytest.fixture
def clock() -> Iterator[Any]:
    with time_machine.travel(NOW, tick=False) as clock:
        yield clock


@pytest.fixture
def people() -> People:
    return make_people()


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Passwords as they reach the hasher."""
    reached: list[str] = []
    encode = MD5PasswordHasher.encode

    def counted(self: Any, password: str, salt: str) -> str:
        reached.append(password)
        return encode(self, password, salt)

    monkeypatch.setattr(MD5PasswordHasher, "encode", counted)
    return reached


def guess(client: Client, email: str = OLGA, password: str = WRONG, **options: Any) -> Any:
    return client.post(SIGN_IN, {"username": email, "password": password}, **options)


def guesses(count: int, email: str = OLGA, **options: Any) -> Counter[int]:
    """Return how so many guesses are answered, each from a browser that nobody knows."""
    return Counter(guess(Client(), email, **options).status_code for _ in range(count))


def signs_in(client: Client, email: str = OLGA, **options: Any) -> bool:
    return bool(guess(client, email, PASSWORD, **options).status_code == 302)


# Counting


def waits(limits: list[Limit], clock: Any, tries: int) -> list[int]:
    """Return how long each try has to wait for its turn, when each is made as soon as it may be."""
    waited = []
    for _ in range(tries):
        try:
            count(limits)
            waited.append(0)
        except Throttled as refused:
            waited.append(refused.seconds)
            clock.move_to(refused.until)
            count(limits)
    return waited


def test_waits_grow_from_a_second_to_a_quarter_of_an_hour(clock: Any) -> None:
    assert waits([Limit("a", 3)], clock, 16) == [0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900]


def test_a_refused_try_makes_no_wait_longer(clock: Any) -> None:
    limits = [Limit("a", 2)]
    waits(limits, clock, 6)
    refused = [_seconds(limits) for _ in range(50)]
    assert refused == [refused[0]] * 50


def test_what_is_refused_in_one_count_counts_in_none(clock: Any) -> None:
    full, other = Limit("full", 1), Limit("other", 2)
    count([full]), count([full])  # The second one begins the first wait.
    for _ in range(10):
        assert _seconds([full, other])
    assert waits([other], clock, 3) == [0, 0, 1]


def _seconds(limits: list[Limit]) -> int:
    with pytest.raises(Throttled) as refused:
        count(limits)
    return refused.value.seconds


def test_tries_are_forgotten_one_by_one(clock: Any) -> None:
    limits = [Limit("a", 3)]
    waits(limits, clock, 5)
    clock.shift(2 * throttles.LONGEST_WAIT)
    assert waits(limits, clock, 3) == [0, 2, 4]
    clock.shift(timedelta(days=2))
    assert waits(limits, clock, 4) == [0, 0, 0, 1]


def test_a_success_clears_ones_own_count_and_only_itself_in_a_shared_one(clock: Any) -> None:
    own, shared = Limit("own", 2, own=True), Limit("shared", 3)
    count([own, shared])
    count([own, shared]).succeeded()
    assert not Throttle.objects.filter(pk=throttles._digest("own"))
    assert waits([shared], clock, 3) == [0, 0, 1]


def test_counts_that_nobody_needs_any_more_go(clock: Any) -> None:
    count([Limit("old", 3)])
    clock.shift(timedelta(days=2))
    count([Limit("new", 3)]).succeeded()
    assert Throttle.objects.count() == 1


@pytest.mark.parametrize(
    ("one", "other", "together"),
    [
        ("198.51.100.1", "198.51.100.1", 2),
        ("198.51.100.1", "198.51.100.9", 1),
        ("198.51.100.1", "198.51.101.1", 0),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", 2),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", 1),
        ("2001:db8:1::1", "2001:db8:2::1", 0),
    ],
)
def test_an_address_is_counted_with_its_network(one: str, other: str, together: int) -> None:
    assert len(_origin(one) & _origin(other)) == together


def _origin(source: str) -> set[Limit]:
    with acting_as(ANONYMOUS, Where(source)):
        return set(throttles.from_here("call"))


def test_no_address_is_kept(people: People, client: Client) -> None:
    guess(client)
    stored = str(list(Throttle.objects.values()))
    assert stored.count("key") == 4
    for part in ("olga", "127.0.0"):
        assert part not in stored


# Signing in


def test_after_too_many_guesses_the_page_says_when(clock: Any, people: People, client: Client) -> None:
    assert guesses(5) == {200: 5}
    response = guess(client)
    assert (response.status_code, response["Retry-After"]) == (429, "1")
    assert "Wait 1 second, until 12:00:01 UTC" in text_of(response)


def test_the_right_person_gets_in_after_waiting(clock: Any, people: People, client: Client) -> None:
    for _ in range(9):
        clock.shift(int(guess(client).get("Retry-After", 0)))
    assert guess(client, password=PASSWORD).status_code == 429
    clock.shift(15 * 60)
    assert signs_in(client)
    assert guesses(5) == {200: 5}  # and begins anew


def test_guesses_of_strangers_keep_no_known_browser_waiting(clock: Any, people: People, client: Client) -> None:
    assert signs_in(client)
    client.post("/sign-out/")
    assert guesses(8)[429] == 3
    assert signs_in(client)
    assert not signs_in(Client())


def test_a_known_browser_may_not_guess_for_ever_either(clock: Any, people: People, client: Client) -> None:
    assert signs_in(client)
    client.post("/sign-out/")
    assert Counter(guess(client).status_code for _ in range(8)) == {200: 5, 429: 3}


def test_the_mark_of_a_browser_is_of_one_person_and_not_made_up(clock: Any, people: People, client: Client) -> None:
    assert signs_in(client, "max@acme.example")
    mark = client.cookies["known"]
    assert mark["httponly"]
    assert "max" not in mark.value
    assert guesses(5) == {200: 5}
    for cookie in (mark.value, f"{mark.value}x", "WyI", ""):
        stranger = Client()
        stranger.cookies["known"] = cookie
        assert guess(stranger).status_code == 429


def test_nobody_learns_which_addresses_exist(clock: Any, people: People, hashed: list[str]) -> None:
    answers = {email: [guess(Client(), email) for _ in range(6)] for email in (OLGA, "nobody@acme.example")}
    known, unknown = ([(r.status_code, _without_form(r, email)) for r in rs] for email, rs in answers.items())
    assert known == unknown
    assert len(hashed) == 10  # as costly for one as for the other


def _without_form(response: Any, email: str) -> str:
    content = response.content.decode().replace(email, "")
    return re.sub(r'(name="csrfmiddlewaretoken" value|Request ID <code>)[^<]*', "", content)


def test_refusals_are_one_entry_in_each_wait(clock: Any, people: People) -> None:
    guesses(25)
    codes = [code for code, _ in failures_of(people.acme, Op.USER_SIGN_IN_FAILED)]
    assert Counter(codes) == {"invalid_credentials": 5, "throttled": 1}
    clock.shift(1)
    guesses(25)
    codes = [code for code, _ in failures_of(people.acme, Op.USER_SIGN_IN_FAILED)]
    assert Counter(codes) == {"invalid_credentials": 6, "throttled": 2}


def test_forwarded_addresses_that_nobody_vouches_for_make_no_difference(clock: Any, people: People) -> None:
    answers = Counter(
        guess(Client(), headers={"X-Forwarded-For": f"203.0.{number}.7"}).status_code for number in range(12)
    )
    assert answers == {200: 5, 429: 7}


def test_other_addresses_behind_a_trusted_proxy_make_some(clock: Any, people: People, settings: Settings) -> None:
    settings.TRUSTED_PROXIES = 1
    answers = Counter(
        guess(Client(), headers={"X-Forwarded-For": f"203.0.{number}.7"}).status_code for number in range(40)
    )
    assert answers == {200: 30, 429: 10}  # for the person, from wherever


def test_one_address_tries_few_people(clock: Any, people: People, hashed: list[str]) -> None:
    answers = Counter(guess(Client(), f"person-{number}@acme.example").status_code for number in range(30))
    assert answers == {200: 20, 429: 10}
    assert len(hashed) == 20


def test_right_passwords_from_one_address_count_for_nothing(clock: Any, people: People) -> None:
    assert all(signs_in(Client()) for _ in range(25))


@pytest.mark.django_db(transaction=True)
def test_of_64_guesses_at_once_few_reach_the_hasher(live_server: LiveServer, people: People, hashed: list[str]) -> None:
    address = f"{live_server.url}{SIGN_IN}"
    session = requests.Session()
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', session.get(address, timeout=30).text)
    assert token
    cookies, form = session.cookies, {"username": OLGA, "csrfmiddlewaretoken": token[1]}

    def ask(number: int) -> requests.Response:
        headers = {"X-Forwarded-For": f"203.0.113.{number}, 2001:db8:{number}::1", "Forwarded": f"for=192.0.2.{number}"}
        sent = {**form, "password": f"guess-{number}"}
        return requests.post(address, sent, headers=headers, cookies=cookies, timeout=30, allow_redirects=False)

    with ThreadPoolExecutor(64) as pool:
        answers = list(pool.map(ask, range(64)))
    statuses = Counter(answer.status_code for answer in answers)
    seconds = 4  # More may pass when this takes longer than the first waits, which are 1, 2 and 4 seconds.
    assert statuses.keys() == {200, 429}
    assert 5 <= len(hashed) == statuses[200] <= 5 + seconds
    assert all("Retry-After" in answer.headers for answer in answers if answer.status_code == 429)
    codes = Counter(code for code, _ in failures_of(people.acme, Op.USER_SIGN_IN_FAILED))
    assert codes["invalid_credentials"] == statuses[200]
    assert codes["throttled"] <= 1 + seconds


# Other proofs


def test_codes_are_not_guessed_either(clock: Any, people: People, client: Client) -> None:
    SecondFactorFactory(user=people.owner)
    guess(client, password=PASSWORD)
    answers = Counter(client.post(CODE, {"code": f"{number:06}"}).status_code for number in range(8))
    assert answers == {200: 5, 429: 3}
    clock.shift(2)
    right = code_at(TOTP_SECRET, int(datetime.now(UTC).timestamp()) // 30)
    assert client.post(CODE, {"code": right}).status_code == 302


@pytest.mark.parametrize(
    ("url", "form", "operation"),
    [
        ("/you/password/", {"old_password": "guess"}, Op.USER_PASSWORD_CHANGE),
        ("/you/", {"email": "new@acme.example", "current_password": "guess"}, Op.USER_UPDATE),
        ("/you/second-factor/", {"code": "000000", "password": "guess"}, Op.USER_SECOND_FACTOR_ADD),
        ("/you/second-factor/off/", {"password": "guess"}, Op.USER_SECOND_FACTOR_REMOVE),
        ("/you/second-factor/codes/", {"password": "guess"}, Op.USER_UPDATE),
    ],
)
def test_who_found_an_open_browser_does_not_guess_its_password(
    url: str, form: dict[str, str], operation: Op, clock: Any, people: People, client: Client, hashed: list[str]
) -> None:
    if url != "/you/second-factor/":
        SecondFactorFactory(user=people.member)
    sign_in_long_ago(client, people.member)
    answers = Counter(client.post(url, form).status_code for _ in range(7))
    assert answers == {422: 5, 429: 2}
    assert len(hashed) <= 5
    codes = Counter(code for code, _ in failures_of(people.acme, operation))
    assert codes["throttled"] == 1


def test_support_staff_neither(clock: Any, people: People, client: Client, hashed: list[str]) -> None:
    people.owner.is_staff = True
    people.owner.save()
    client.force_login(people.owner)
    answers = Counter(client.post("/admin/password_change/", {"old_password": "guess"}).status_code for _ in range(9))
    assert answers == {200: 5, 429: 4}


def test_who_knows_the_password_is_not_counted(clock: Any, people: People, client: Client) -> None:
    sign_in_long_ago(client, people.member)
    too_short = {"old_password": PASSWORD, "new_password1": "short", "new_password2": "short"}
    assert {client.post("/you/password/", too_short).status_code for _ in range(9)} == {422}


def test_invitations_are_not_answered_as_often_as_one_likes(clock: Any, people: People, client: Client) -> None:
    link = link_to(InvitationFactory(account=people.acme))
    form = {"answer": "accept", "slug": "guest", "password": "short"}
    assert Counter(client.post(link, form).status_code for _ in range(25)) == {422: 20, 429: 5}


def test_mails_are_not_sent_as_often_as_one_likes(
    clock: Any, people: People, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("accounts.views.invitations.FREE_FORMS", 4)
    client.force_login(people.owner)
    urls = ("/@acme/invitations/new/", f"/@acme/invitations/{InvitationFactory(account=people.acme).pk}/resend/")
    form = {"emails": "no address", "role": "auditor"}
    answers = Counter(client.post(urls[number % 2], form).status_code for number in range(9))
    assert answers[429] == 5


def test_strangers_do_not_fill_the_log_of_others(clock: Any, people: People, client: Client) -> None:
    answers = Counter(client.post("/@acme/new-app/").status_code for _ in range(30))
    assert answers == {302: 30}
    codes = Counter(code for code, _ in failures_of(people.acme, Op.APPLICATION_CREATE))
    assert codes == {"not_signed_in": 20, "throttled": 1}


# The API


def test_unknown_tokens_are_refused_and_known_ones_go_on(clock: Any, people: People, client: Client) -> None:
    AppFactory(account=people.acme, slug="vision")

    def call(token: str) -> Any:
        headers = {"Authorization": f"Key {token}"}
        return client.post("/v2/users/acme/apps", "{}", content_type="application/json", headers=headers)

    answers = [call(f"guess-{number}") for number in range(30)]
    assert Counter(answer.status_code for answer in answers) == {401: 20, 429: 10}
    assert answers[-1].json()["status"]["reason"] == "throttled"
    assert answers[-1]["Retry-After"] == "1"
    codes = Counter(code for code, _ in failures_of(people.acme, Op.APPLICATION_CREATE))
    assert codes == {"token_unknown": 20, "throttled": 1}
    TokenFactory(account=people.acme, user=people.owner, digest=digest_of("known"), scopes=["apps:write"])
    assert call("known").status_code == 422


@pytest.mark.django_db(transaction=True)
def test_32_calls_at_once_get_what_a_token_has(
    live_server: LiveServer, people: People, settings: Settings, clock: Any
) -> None:
    settings.API_REQUESTS_PER_MINUTE = 10
    TokenFactory(account=people.acme, user=people.owner, digest=digest_of("known"), scopes=["apps:read"])

    def ask(number: int) -> int:
        headers = {"Authorization": "Key known", "X-Forwarded-For": f"203.0.113.{number}"}
        return requests.get(f"{live_server.url}/v2/users/acme/apps", headers=headers, timeout=30).status_code

    with ThreadPoolExecutor(32) as pool:
        assert Counter(pool.map(ask, range(32))) == {200: 10, 429: 22}


def test_what_nobody_is_meant_by_is_told_to_the_platform(clock: Any, client: Client) -> None:
    guesses(8, "nobody@nowhere.example")
    platform = Account.objects.get(pk=Account.PLATFORM_ID)
    assert Counter(code for code, _ in failures_of(platform, Op.USER_SIGN_IN_FAILED))["throttled"] == 1
    assert not Entry.objects.exclude(account_id=platform.pk).filter(operation=Op.USER_SIGN_IN_FAILED).exists()
