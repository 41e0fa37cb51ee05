"""The written guide is true: its examples run, one after the other, and its tables are complete."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest
from django.db import connection
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from accounts.models import Account, Invitation, Team, User
from accounts.roles import Role
from accounts.tokens import TokenScope
from auditlog.models import Entry
from controlcenter.operations import Operation as Op
from controlcenter.problems import REASONS
from controlcenter.resources.models import App, ModelVersion
from tests.factories import AccountFactory, MemberFactory, UserFactory
from tests.sealing import KEY, sealing

from .calling import failures, names, token_for

ROOT = Path(__file__).parent.parent.parent
GUIDE = (ROOT / "docs" / "api.md").read_text()
SHELL, PYTHON = (re.findall(rf"^```{kind}\n(.*?)^```$", GUIDE, re.DOTALL | re.MULTILINE) for kind in ("sh", "python"))
CLIENT, CURSOR, TAIL = PYTHON

pytestmark = pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")


@pytest.fixture
def acme(transactional_db: None) -> Account:
    """The organization that the guide speaks of, administered by Ana."""
    acme: Account = AccountFactory(slug="acme", name="Acme")
    ana = UserFactory(slug="ana", email="ana@acme.example", first_name="Ana", last_name="Alves", home=acme)
    MemberFactory(account=acme, user=ana, role=Role.ADMINISTRATOR)
    return acme


def environment(live_server: LiveServer, **more: str) -> dict[str, str]:
    """Return the environment of a shell beside the database of the tests."""
    to = connection.settings_dict
    login = f"{quote(to['USER'])}:{quote(to['PASSWORD'])}"
    database = f"postgresql://{login}@{quote(to['HOST'], safe='')}:{to['PORT']}/{to['NAME']}"
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return {**os.environ, "DATABASE_URL": database, "PATH": path, "BASE_URL": live_server.url, **more}


def shell(script: str, live_server: LiveServer) -> str:
    """Run a script as a reader would, in one shell; return what it printed."""
    script = script.replace("http://127.0.0.1:8000", live_server.url)
    ran = subprocess.run(
        ["bash", "-euc", script], cwd=ROOT, env=environment(live_server), capture_output=True, text=True, timeout=60
    )
    assert ran.returncode == 0, f"{ran.stdout}\n{ran.stderr}"
    return ran.stdout


def python(script: str) -> str:
    """Return the line of a shell that runs a script with this Python."""
    return f"python - <<'END'\n{script}\nEND\n"


def test_its_examples_run_one_after_the_other(live_server: LiveServer, acme: Account) -> None:
    token, curl, *others = SHELL
    told = shell("\n".join([token, curl, python(CLIENT), *others, python(CURSOR)]), live_server)

    assert "Models created" in told
    assert told.rstrip().endswith("ana Create application 'Spare parts'")
    assert "apps[0].id is 'Bolts & nuts': Use 1 to 64 lower-case letters" in told
    assert (App.objects.get().description, ModelVersion.objects.get().state) == ("Knows each bolt.", "trained")
    assert [member.user.slug for member in Team.objects.get().members.all()] == ["ana"]
    assert Invitation.objects.get().email == "nina@bolts.example"
    assert [entry.operation for entry in failures()] == [Op.APPLICATION_CREATE]
    [created, _] = Entry.objects.filter(operation=Op.APPLICATION_CREATE).order_by("id")
    assert (names(created), created.event["actor"]["token_name"]) == (["Spare parts"], "guide")


@contextmanager
def running(script: str, env: dict[str, str]) -> Iterator["subprocess.Popen[str]"]:
    """Run a script that never ends, until the block does."""
    program = subprocess.Popen([sys.executable, "-c", script], env=env, stdout=subprocess.PIPE, text=True)
    try:
        yield program
    finally:
        program.terminate()
        program.wait()
        assert program.stdout
        program.stdout.close()


def test_its_tail_prints_what_comes(live_server: LiveServer, acme: Account, settings: Settings) -> None:
    settings.SEALING_KEYS = [KEY]
    token = token_for(User.objects.get(slug="ana"), acme, "audit_log:read")
    from_the_beginning = TAIL.replace('position = "now"', 'position = ""').replace('"wait": 20', '"wait": 1')
    with sealing(), running(from_the_beginning, environment(live_server, TOKEN=token)) as tail:
        assert tail.stdout
        while "'Later'" not in (line := tail.stdout.readline()):
            assert line, "It ended."
            if "API tokens created" in line:  # It has come to the present, and waits.
                acme.apps.create(slug="later", name="Later")
    assert '"operation_name": "APPLICATION_CREATE"' in line


def test_it_names_every_reason_with_its_numbers() -> None:
    told = re.findall(r"^\| `(\w+)` \| (\d+) \| (\d+) \| ", GUIDE, re.MULTILINE)
    assert told == [(code, str(reason.status), str(reason.number)) for code, reason in REASONS.items()]


def test_it_names_every_scope_in_the_words_of_the_page() -> None:
    told = re.findall(r"^\| `(\w+:\w+)` \| (.*) \|$", GUIDE, re.MULTILINE)
    assert told == [(scope.value, scope.label) for scope in TokenScope]


def test_its_links_lead_somewhere() -> None:
    headings = {
        re.sub(r"[^\w -]", "", line).lower().replace(" ", "-") for line in re.findall(r"^#+ (.*)$", GUIDE, re.M)
    }
    assert {*re.findall(r"\]\(#(.*?)\)", GUIDE)} <= headings
    assert "(docs/api.md)" in (ROOT / "README.md").read_text()
