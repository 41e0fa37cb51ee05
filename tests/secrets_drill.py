"""Drill 6: forty secrets through every way to write something down: where do they turn up?

    python -m tests.secrets_drill

Secrets of ours (passwords, tokens, cookies, links, keys) must be nowhere but with whom they are for. What people typed
into the wrong place must be in no entry, export, line of the server's log, error page or mail; where they asked to have
it stored, as the name of an app for one, it is, and they can take it away there. Prints its figures.
"""

import base64
import io
import json
import logging
import os
import re
import secrets
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

from .servers import folder_for, set_up

HEX, LETTERS = "0123456789abcdef", "ABCDEFGHJKMNPQRSTUVWXYZabcdefghjkmnpqrstuvwxyz23456789"
UPPER, BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
MAIL_LINK = re.compile(r"/invitations/([^/\s]+)/")
OURS, TYPED = "ours", "typed"
OF_THE_LOG = ("auditlog_entry", "auditlog_subject", "django_session", "django_admin_log", "accounts_submission")


def made_of(signs: str, length: int) -> str:
    """Return random text, with a digit in it and a capital, if there are any among the signs."""
    text = "".join(secrets.choice(signs) for _ in range(length - 3))
    wanted = [kind for kind in ("0123456789", "ABCDEFGH", "ghjkmnpq") if {*kind} & {*signs}]
    return text + "".join(secrets.choice([*{*kind} & {*signs}]) for kind in (*wanted, signs, signs)[:3])


class Drill:
    """What was planted, and what the product said and kept meanwhile."""

    def __init__(self) -> None:
        self.planted: dict[str, tuple[str, str]] = {}
        self.answers: list[tuple[str, str]] = []
        self.exports: list[str] = []
        self.log = io.StringIO()

    def plant(self, name: str, secret: str, kind: str = TYPED) -> str:
        """Remember a secret that is about to be sent, and return it."""
        self.planted[name] = (kind, secret)
        return secret

    def take(self, where: str, response: Any) -> Any:
        """Keep the answer to look through, if it refuses something."""
        if response.status_code >= 400:
            self.answers.append((where, response.content.decode()))
        return response

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Collect what the server's own log says, written as the settings say."""
        from django.conf import settings

        from controlcenter.logs import LineFormatter

        line: Any = settings.LOGGING["formatters"]
        handler = logging.StreamHandler(self.log)
        handler.setFormatter(LineFormatter(line["line"]["format"], style="{"))
        logging.getLogger().addHandler(handler)
        try:
            yield
        finally:
            logging.getLogger().removeHandler(handler)


def rehearse() -> Drill:
    """Plant all secrets, on the database that Django is set up with."""
    drill = Drill()
    with drill.listening():
        world = _people(drill)
        _sign_in_and_out(drill, world)
        _issue(drill, world)
        _invite(drill, world)
        _type_into_pages(drill, world)
        _send_in_headers(drill, world)
        _call_the_api(drill, world)
        _work_as_support(drill, world)
        _write_in_bulk(drill, world)
        _break_something(drill, world)
        _export(drill, world)
    _settings(drill)
    return drill


# Ways to write


def _people(drill: Drill) -> Any:
    from django.test import Client

    from .factories import AppFactory, ModelFactory, TeamFactory, UserFactory, make_people

    people = make_people()
    password = drill.plant("password of a user", made_of(LETTERS, 20), OURS)
    people.owner.set_password(password)
    people.owner.save()
    app = AppFactory(account=people.acme, slug="vision", name="Vision")
    ModelFactory(app=app, slug="detector", name="Detector")
    TeamFactory(account=people.acme, slug="quality", name="Quality")
    support = UserFactory(slug="support", email="support@example.com", is_staff=True, home=None)
    page = Client(raise_request_exception=False)
    return {"people": people, "password": password, "support": support, "page": page}


def _sign_in_and_out(drill: Drill, world: Any) -> None:
    from django.test import Client

    page, email = world["page"], world["people"].owner.email
    wrong = drill.plant("wrong password", made_of(LETTERS, 18), OURS)
    drill.take("sign-in", page.post("/sign-in/", {"username": email, "password": wrong}))
    as_name = drill.plant("password typed as e-mail address", made_of(LETTERS, 18), OURS)
    drill.take("sign-in", page.post("/sign-in/", {"username": as_name, "password": "x"}))
    page.post("/sign-in/", {"username": email, "password": world["password"]})
    drill.plant("session cookie", page.cookies["sessionid"].value, OURS)
    page.get("/you/password/")
    drill.plant("CSRF cookie", page.cookies["csrftoken"].value, OURS)
    strict = Client(enforce_csrf_checks=True)
    forged = drill.plant("CSRF token of a forged form", made_of(LETTERS, 64), OURS)
    drill.take("forged", strict.post("/sign-in/", {"username": email, "csrfmiddlewaretoken": forged}))
    new = drill.plant("new password", made_of(LETTERS, 20), OURS)
    form = {"old_password": world["password"], "new_password1": new, "new_password2": new}
    assert page.post("/you/password/", form).status_code == 302
    too_short = drill.plant("new password that is refused", made_of(LETTERS, 10), OURS)
    wrong_form = {"old_password": new, "new_password1": too_short, "new_password2": too_short}
    drill.take("password", page.post("/you/password/", wrong_form))
    world["password"] = new


def _issue(drill: Drill, world: Any) -> None:
    from django.core.management import call_command

    page = world["page"]
    answer = page.post("/@acme/tokens/new/", {"name": "nightly", "scopes": ["apps:read", "apps:write", "models:write"]})
    world["token"] = drill.plant("token made on its page", answer.context["secret"], OURS)
    printed = io.StringIO()
    call_command(
        "create_token", "olga@acme.example", account="acme", scope=["apps:read"], name="by command", stdout=printed
    )
    drill.plant("token made by a command", printed.getvalue().strip(), OURS)
    page.get("/you/second-factor/", follow=True)
    _second_factor(drill, world)


def _second_factor(drill: Drill, world: Any) -> None:
    from accounts import second_factor
    from accounts.models import SecondFactor

    seed = second_factor.new_secret()
    drill.plant("seed of a second factor", base64.b32encode(seed).decode(), OURS)
    drill.plant("recovery code", SecondFactor.set_up(world["people"].member, seed, 1)[0], OURS)


def _invite(drill: Drill, world: Any) -> None:
    from django.core import mail
    from django.test import Client

    pasted = drill.plant("token typed as e-mail address", made_of(HEX, 64))
    drill.take("invite", world["page"].post("/@acme/invitations/new/", {"emails": pasted, "role": "auditor"}))
    world["page"].post("/@acme/invitations/new/", {"emails": "greta@example.com", "role": "auditor"})
    link = MAIL_LINK.search(str(mail.outbox[-1].body))
    assert link
    drill.plant("link of an invitation", link[1], OURS)
    password = drill.plant("password of who joins", made_of(LETTERS, 20), OURS)
    guest = Client(raise_request_exception=False)
    form = {"first_name": "Greta", "last_name": "Guest", "slug": "greta", "password": password, "answer": "accept"}
    drill.take("joining", guest.post(f"/invitations/{link[1]}/", {**form, "slug": "Not a slug"}))
    assert guest.post(f"/invitations/{link[1]}/", form).status_code == 302
    drill.take("link used again", Client().get(f"/invitations/{link[1]}/"))
    drill.take("link cut off", Client().get(f"/invitations/{link[1][:-5]}/"))


def _type_into_pages(drill: Drill, world: Any) -> None:
    from django.test import Client

    page, plant = world["page"], drill.plant
    aws_secret = f"aG{made_of(LETTERS, 18)}/{made_of(LETTERS, 19)}"
    pem = f"-----BEGIN PRIVATE KEY-----\n{made_of(LETTERS, 64)}\n{made_of(LETTERS, 64)}\n-----END PRIVATE KEY-----"
    app = {"visibility": "private", "description": ""}
    posts: list[tuple[str, dict[str, Any]]] = [
        ("/@acme/new-app/", {**app, "slug": "one", "name": plant("token as the name of an app", made_of(HEX, 64))}),
        ("/@acme/new-app/", {**app, "name": "Two", "slug": plant("token as an id", f"ghp_{made_of(LETTERS, 36)}")}),
        ("/@acme/apps/vision/settings/", {"name": "Vision", "description": plant("AWS secret key", aws_secret)}),
        ("/@acme/apps/vision/new-model/", {"slug": "m1", "name": plant("AWS key id", f"AKIA{made_of(UPPER, 16)}")}),
        ("/@acme/apps/vision/models/detector/edit/", {"description": plant("private key", pem)}),
        ("/@acme/apps/vision/delete/", {"confirm": plant("token typed to confirm", made_of(HEX, 64))}),
        ("/@acme/teams/quality/settings/", {"name": plant("GitLab token", f"glpat-{made_of(LETTERS, 20)}")}),
        ("/@acme/tokens/new/", {"scopes": ["apps:read"], "name": plant("Slack token", f"xoxb-{made_of(LETTERS, 24)}")}),
        ("/@acme/leave/", {"reason": f"password={plant('password in a reason', made_of(LETTERS, 14))}"}),
        ("/@acme/new-cluster/", {
            "slug": "c1", "provider": "aws", "region": "eu",
            "name": f"postgresql://app:{plant('password in an address', made_of(LETTERS, 16))}@db.example/app",
        }),
        (f"/@acme/teams-and-logs/views/new/?text={plant('npm token', f'npm_{made_of(LETTERS, 36)}')}", {
            "name": "Mine", "shown_to": "own",
        }),
    ]  # fmt: skip
    for address, form in posts:
        opened = page.get(address)
        shown = opened.context and opened.context.get("form")
        values = {field.html_name: field.value() for field in shown} if shown else {}
        sent = {name: value for name, value in {**values, **form}.items() if value is not None}
        assert drill.take(address, page.post(address, sent)).status_code not in {404, 405}, address
    max_ = Client()
    max_.force_login(world["people"].member)  # It is his own name, and stands on each page that he opens.
    max_.post("/you/", {"first_name": plant("Google key as a name", f"AIza{made_of(LETTERS, 35)}"), "last_name": "M"})
    searched = plant("Stripe key searched for", f"sk_live_{made_of(LETTERS, 24)}")
    drill.take("search", page.get("/@acme/teams-and-logs/", {"text": searched, "range": "7d"}, follow=True))
    drill.take("apps", page.get("/@acme/apps/", {"q": plant("token searched for among apps", made_of(HEX, 64))}))


def _send_in_headers(drill: Drill, world: Any) -> None:
    page, plant = world["page"], drill.plant
    form = {"name": "Three", "slug": "Not a slug", "visibility": "private"}
    headers = {
        "User-Agent": f"tool/1 {plant('token in a user agent', f'hf_{made_of(LETTERS, 34)}')}",
        "X-Forwarded-For": f"Bearer {plant('token in a forwarded chain', made_of(LETTERS, 40))}",
        "X-Request-ID": plant("token as request id", made_of(HEX, 64)),
        "Referer": f"https://acme.example/?code={plant('code in a referrer', made_of(LETTERS, 40))}",
    }
    drill.take("headers", page.post("/@acme/new-app/", form, headers=headers))
    asked = plant("token in the query of an address", made_of(HEX, 64))
    drill.take("query", page.post(f"/@acme/new-app/?token={asked}", form))
    in_path = plant("key in a path", f"sk-proj-{made_of(LETTERS, 40)}")
    drill.take("path", page.post(f"/@acme/apps/{in_path}/delete/", {"confirm": "x"}))
    drill.take("404", page.get(f"/nowhere/{in_path}/"))
    drill.take("404", page.get(f"/v2/nowhere/{in_path}"))


def _call_the_api(drill: Drill, world: Any) -> None:
    from django.test import Client

    plant, path = drill.plant, "/v2/users/acme/apps"
    key = {"Authorization": f"Key {world['token']}"}
    client = Client(raise_request_exception=False)

    def post(path: str, body: Any, headers: dict[str, str] = key) -> None:
        drill.take(path, client.post(path, json.dumps(body), "application/json", headers=headers))

    guessed = plant("token that does not exist", made_of(HEX, 64), OURS)
    post(path, {"apps": [{"id": "new"}]}, {"Authorization": f"Key {guessed}"})
    basic = plant("basic credentials", made_of(LETTERS, 32))
    post(path, {"apps": [{"id": "new"}]}, {"Authorization": f"Basic {basic}"})
    jwt = f"eyJhbGciOiJIUzI1NiJ9.eyJ{made_of(LETTERS, 40)}.{made_of(LETTERS, 43)}"
    post(path, {"apps": [{"id": "four", "description": plant("JWT", jwt)}]})
    post(path, {"apps": [{"id": plant("token as an id in a call", made_of(HEX, 64) + "_")}]})
    post(path, {"apps": plant("token where a list belongs", made_of(HEX, 64))})
    post(path, {plant("token as the name of a field", made_of(HEX, 64)): 1, "apps": [{"id": "five"}]})
    node = {"id": "hook", "url": "https://hooks.example", "api_key": plant("webhook key", made_of(LETTERS, 12))}
    workflows = f"{path}/vision/workflows"
    world["page"].post("/@acme/apps/vision/new-workflow/", {"name": "Pipeline", "slug": "pipeline"})
    form = {"nodes": json.dumps([node])}
    assert world["page"].post("/@acme/apps/vision/workflows/pipeline/new-version/", form).status_code == 302
    post(workflows, {"workflows": [{"id": "w2", "nodes": [node]}]})
    post(f"{path}?token={plant('token in the query of a call', made_of(HEX, 64))}", {"apps": [{"id": "six"}]}, {})


def _work_as_support(drill: Drill, world: Any) -> None:
    from django.test import Client
    from django.urls import reverse

    plant, people = drill.plant, world["people"]
    staff = Client(raise_request_exception=False)
    staff.force_login(world["support"])
    address = reverse("support-open", args=["acme"])
    reason = plant("token in a support reason", made_of(HEX, 64))
    drill.take("support", staff.post(address, {"reason": f"they sent {reason}", "ticket": "4711"}))
    staff.post(address, {"reason": "they asked for a new password", "ticket": "4711"})
    password = plant("password set by support", made_of(LETTERS, 20), OURS)
    form = {"password1": password, "password2": password, "usable_password": "true"}
    staff.post(reverse("admin:auth_user_password_change", args=[people.member.pk]), form)
    teams = reverse("admin:accounts_team_add")
    team = {"account": people.acme.pk, "slug": "t1", "name": "T1"}
    token = plant("GitHub token in the admin", f"github_pat_{made_of(LETTERS, 40)}")
    assert staff.post(teams, {**team, "description": token}).status_code == 302
    slug = plant("token as an id in the admin", made_of(HEX, 64) + "_")
    drill.take("admin", staff.post(teams, {**team, "slug": slug}))


def _write_in_bulk(drill: Drill, world: Any) -> None:
    from controlcenter.resources.models import App

    acme, plant = world["people"].acme, drill.plant
    made = [App(account=acme, slug=f"bulk-{n}", name="Bulk") for n in range(2)]
    made[0].description = plant("token in bulk_create", f"pypi-{made_of(LETTERS, 60)}")
    App.objects.bulk_create(made)
    text = f"secret: '{plant('secret in update()', made_of(LETTERS, 16))}'"
    App.objects.filter(slug="bulk-1").update(description=text)


def _break_something(drill: Drill, world: Any) -> None:
    """Errors on purpose: the database lacks a table that a page asks for."""
    page = world["page"]
    token = drill.plant("token in a request that breaks", made_of(HEX, 64))
    body = drill.plant("password in a request that breaks", made_of(LETTERS, 20), OURS)
    form = {"username": token, "password": body}
    for address in (f"/@acme/apps/?q={token}", f"/@acme/apps/vision/collaborators/?token={token}"):
        with _without("resources_collaborator"):
            drill.take("500", page.get(address))
    for address in (f"/@acme/apps/vision/collaborators/{token}/remove/", "/@acme/apps/vision/new-collaborator/"):
        with _without("resources_collaborator"):
            drill.take("500", page.post(address, form))
    with _without("accounts_token"):
        drill.take("500", page.get(f"/v2/users/acme/apps/{token}", headers={"Authorization": f"Key {token}"}))
    logging.getLogger("drill").error("Could not read %s", f"Authorization: Key {token}")


@contextmanager
def _without(table: str) -> Iterator[None]:
    from django.db import connection, transaction

    atomic = transaction.atomic()
    atomic._from_testcase = True  # type: ignore[attr-defined]  # What is inside may begin transactions of its own.
    with atomic:
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE {table} RENAME TO gone")
        yield
        transaction.set_rollback(True)


def _export(drill: Drill, world: Any) -> None:
    for kind in ("csv", "ndjson", "json"):
        answer = world["page"].post("/@acme/teams-and-logs/export/?range=7d", {"format": kind})
        drill.exports.append(b"".join(answer.streaming_content).decode())
    drill.exports += [_bundle(world), *_read_by_api(drill, world)]


def _bundle(world: Any) -> str:
    from django.test import override_settings

    from .sealing import KEY, exported, seal_or_let_others

    with override_settings(SEALING_KEYS=[KEY]):
        seal_or_let_others()
        with exported(world["people"].acme) as bundle:
            parts = [file.read_text() for file in sorted(bundle.iterdir()) if file.suffix != ".py"]
    assert any("APPLICATION_CREATE" in part for part in parts)
    return "\n".join(parts)


def _read_by_api(drill: Drill, world: Any) -> Iterator[str]:
    """Yield what an auditor's program gets: pages of a search, and of the tail for as long as there is more."""
    from django.test import Client

    answer = world["page"].post("/@acme/tokens/new/", {"name": "reader", "scopes": ["audit_log:read"]})
    secret = drill.plant("token that reads the log", answer.context["secret"], OURS)
    client, log = Client(headers={"Authorization": f"Key {secret}"}), "/v2/users/acme/audit_log"
    pagination: dict[str, Any] = {"per_page": 1000}
    while True:
        found = client.post(f"{log}/searches", json.dumps({"pagination": pagination}), "application/json")
        assert found.status_code == 200, found.content
        yield found.content.decode()
        if not (cursor := found.json().get("next_cursor")):
            break
        pagination["cursor"] = cursor
    position = ""
    while True:
        part = client.get(f"{log}/entries?per_page=500&after={quote(position)}")
        assert part.status_code == 200, part.content
        if not part.json()["entries"]:
            break
        yield part.content.decode()
        position = part.json()["position"]


def _settings(drill: Drill) -> None:
    from django.conf import settings

    for name, secret in (
        ("SECRET_KEY", settings.SECRET_KEY),
        ("sealing key", (settings.SEALING_KEYS or [""])[0]),
        ("secret of the anchor webhook", settings.ANCHOR_WEBHOOK_SECRET),
        ("password of the mail server", settings.EMAIL_HOST_PASSWORD),
        ("password of the database", settings.DATABASES["default"].get("PASSWORD", "")),
    ):
        if len(secret) > 5:
            drill.plant(name, secret, OURS)


# Looking for them


def spellings(secret: str) -> set[str]:
    """Return how a secret may be written: as it is, in an address, in JSON, in hex, in base 64."""
    encoded = secret.encode()
    plain = {secret, quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1], encoded.hex()}
    return plain | {base64.b64encode(encoded).decode().rstrip("=")}


def stored() -> dict[str, str]:
    """Return all rows of all tables as text, by table; sessions and bodies of entries readable."""
    from django.contrib.sessions.models import Session
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
        tables = [table for (table,) in cursor.fetchall()]
        found = {}
        for table in tables:
            cursor.execute(f"SELECT coalesce(string_agg(t::text, chr(10)), '') FROM \"{table}\" AS t")  # noqa: S608
            found[table] = cursor.fetchone()[0]
        cursor.execute("SELECT coalesce(string_agg(convert_from(body, 'UTF8'), chr(10)), '') FROM auditlog_entry")
        found["auditlog_entry"] += cursor.fetchone()[0]
    found["django_session"] += "\n".join(json.dumps(session.get_decoded()) for session in Session.objects.all())
    return found


def hits(drill: Drill, more: dict[str, str] | None = None) -> dict[str, list[str]]:
    """Return where secrets were found that must not be there, and under "kept" where typed ones were asked to be."""
    from django.core import mail

    mails = "\n".join(f"{message.subject}\n{message.body}" for message in mail.outbox)
    places = {
        **{f"table {table}": text for table, text in stored().items()},
        "exports": "\n".join(drill.exports),
        "server log": drill.log.getvalue(),
        "error pages": "\n".join(text for _, text in drill.answers),
        "mails": mails,
        **(more or {}),
    }
    lines = places.get("pg_dump", "").splitlines()
    log_in_dump = "\n".join(line for line in lines if any(f"INTO public.{table} " in line for table in OF_THE_LOG))
    found: dict[str, list[str]] = {"wrong": [], "kept": []}
    for name, (kind, secret) in drill.planted.items():
        for place, whole in places.items():
            text = log_in_dump if kind == TYPED and place == "pg_dump" else whole
            if not any(spelling in text for spelling in spellings(secret)):
                continue
            meant = name == "link of an invitation" and place == "mails"
            own = kind == TYPED and place.startswith("table ") and place.removeprefix("table ") not in OF_THE_LOG
            typed_again = kind == TYPED and place == "error pages" and _only_in_forms(drill, secret)
            if not meant:
                found["kept" if own or typed_again else "wrong"].append(f"{name} in {place}")
    return found


def _only_in_forms(drill: Drill, secret: str) -> bool:
    """Say whether only the field that it was typed into shows it again, for who typed it to correct it."""
    field = re.compile(r"<(?:input|textarea)\b[^>]*?(?:/?>)(?:[^<]*</textarea>)?|<option[^>]*>", re.DOTALL)
    return not any(spelling in field.sub("", text) for spelling in spellings(secret) for _, text in drill.answers)


def main() -> int:
    from django.conf import settings

    from controlcenter.local_postgres import LocalPostgres

    with folder_for("secrets") as folder, LocalPostgres(folder / "postgres") as server:
        os.environ["EMAIL_URL"] = f"smtp://mailer:{made_of(LETTERS, 20)}@localhost:2525"
        os.environ["ANCHOR_WEBHOOK_SECRET"] = made_of(LETTERS, 30)
        set_up(server.url, folder / "anchors")
        settings.STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
        from django.test.utils import setup_test_environment

        setup_test_environment()
        drill = rehearse()
        found = hits(drill, {"pg_dump": _dump(server.url), "PostgreSQL's log": _log_of(folder)})
    kinds = Counter(kind for kind, _ in drill.planted.values())
    figures = {
        "secrets planted": len(drill.planted),
        "of ours": kinds[OURS],
        "typed into the wrong place": kinds[TYPED],
        "error pages": len(drill.answers),
        "exports, bundles and answers of the API": len(drill.exports),
        "lines of the server's log": drill.log.getvalue().count("\n"),
        "hits": len(found["wrong"]),
        "found": found["wrong"],
        "kept where they were typed": sorted({one.rpartition(" in ")[2] for one in found["kept"]}),
    }
    print(json.dumps(figures, indent=2))
    return 1 if found["wrong"] else 0


def _dump(url: str) -> str:
    from controlcenter.local_postgres import _program

    command = [_program("pg_dump"), "--inserts", url]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _log_of(folder: Path) -> str:
    return "\n".join(file.read_text(errors="replace") for file in folder.rglob("*.log"))


if __name__ == "__main__":
    sys.exit(main())
