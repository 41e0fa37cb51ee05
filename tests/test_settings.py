import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import call_command
from pytest_django import Settings

DEPLOYED = {"SECRET_KEY": "fifty-characters-or-more-" * 3, "DATABASE_URL": "postgresql:///controlcenter"}


def check(**environment: str) -> subprocess.CompletedProcess[str]:
    """What `manage.py check --deploy` says where nothing but `environment` is set."""
    return subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level=WARNING"],
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
    )


def test_a_secret_and_a_database_are_all_that_deployment_needs() -> None:
    outcome = check(**DEPLOYED)
    assert outcome.returncode == 0, outcome.stderr


@pytest.mark.parametrize("name", DEPLOYED)
def test_nothing_starts_without_them(name: str) -> None:
    outcome = check(**{**DEPLOYED, name: ""})
    assert outcome.returncode != 0
    assert f"{name} is not set" in outcome.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DEBUG", "maybe"),
        ("TRUSTED_PROXIES", "-1"),
        ("DATABASE_URL", "sqlite:///a.db"),
        ("EMAIL_URL", "pop://mail"),
        ("EMAIL_URL", "smtp://mail:x"),
    ],
)
def test_a_wrong_value_is_named(name: str, value: str) -> None:
    assert f"ImproperlyConfigured: {name} " in check(**{**DEPLOYED, name: value}).stderr


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("", ("smtp", "localhost", 25, "", "", False, False)),
        ("smtp://mail", ("smtp", "mail", 25, "", "", False, False)),
        ("smtp+tls://me%40x:p%2Fw@mail", ("smtp", "mail", 587, "me@x", "p/w", True, False)),
        ("smtps://me:pw@mail:4650", ("smtp", "mail", 4650, "me", "pw", False, True)),
        ("console:", ("console", "localhost", 25, "", "", False, False)),
    ],
)
def test_the_mail_server_is_one_address(url: str, expected: tuple[str | int | bool, ...]) -> None:
    said = subprocess.run(
        [
            sys.executable,
            "-c",
            "from controlcenter import settings as s; print((s.EMAIL_BACKEND.split('.')[-2], s.EMAIL_HOST,"
            " s.EMAIL_PORT, s.EMAIL_HOST_USER, s.EMAIL_HOST_PASSWORD, s.EMAIL_USE_TLS, s.EMAIL_USE_SSL))",
        ],
        env={"PATH": os.environ["PATH"], **DEPLOYED, "EMAIL_URL": url},
        capture_output=True,
        text=True,
    )
    assert said.stdout.strip() == repr(expected), said.stderr


def test_an_open_deployment_is_warned_about() -> None:
    assert "security.W008" in check(**DEPLOYED, INSECURE_HTTP="1").stderr


def test_static_files_refer_only_to_files_that_exist(settings: Settings, tmp_path: Path) -> None:
    settings.STATIC_ROOT = tmp_path
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
    }
    call_command("collectstatic", interactive=False, verbosity=0)
    assert (tmp_path / "staticfiles.json").exists()
