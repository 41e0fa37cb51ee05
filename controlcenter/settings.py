"""Settings, closed by default: what opens something up is asked for by the environment, by name."""

import os
from hashlib import sha256
from pathlib import Path
from tempfile import gettempdir
from urllib.parse import unquote, urlsplit

import dj_database_url
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent


def required(name: str, remedy: str) -> str:
    value = os.environ.get(name, "").strip()
    if not value:
        raise ImproperlyConfigured(f"{name} is not set: {remedy}")
    return value


def flag(name: str, default: bool = False) -> bool:
    value = os.environ.get(name, "").strip().lower() or str(int(default))
    if value not in {"0", "1", "false", "true"}:
        raise ImproperlyConfigured(f"{name} is {value!r}: set it to 1 or 0.")
    return value in {"1", "true"}


def count(name: str, default: str = "0") -> int:
    value = os.environ.get(name, "").strip() or default
    if not value.isdecimal():
        raise ImproperlyConfigured(f"{name} is {value!r}: set it to a whole number, 0 or more.")
    return int(value)


def names(name: str, default: str = "") -> list[str]:
    return [part.strip() for part in os.environ.get(name, default).split(",") if part.strip()]


# Who may call, and how

DEBUG = flag("DEBUG")
SECRET_KEY = required("SECRET_KEY", "use 50 or more random characters and keep them secret.")
SECRET_KEY_FALLBACKS = names("SECRET_KEY_FALLBACKS")  # Those before it, while there is something signed with them.
ALLOWED_HOSTS = names("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = names("CSRF_TRUSTED_ORIGINS")

# How many proxies stand before us. Addresses they did not see themselves are hearsay: see middleware.py.
TRUSTED_PROXIES = count("TRUSTED_PROXIES")

INSECURE_HTTP = flag("INSECURE_HTTP")
SECURE_SSL_REDIRECT = SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not INSECURE_HTTP
SECURE_HSTS_SECONDS = 0 if INSECURE_HTTP else 365 * 24 * 60 * 60
SECURE_HSTS_INCLUDE_SUBDOMAINS = not INSECURE_HTTP
if TRUSTED_PROXIES:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CSRF_FAILURE_VIEW = "controlcenter.errors.form_out_of_date"
SILENCED_SYSTEM_CHECKS = ["security.W021"]  # HSTS preload is for the owner of a whole domain to decide.

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "connect-src": [SELF],
        "font-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}

# What it is made of

INSTALLED_APPS = [
    "accounts",
    "controlcenter.resources",
    "auditlog",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "django_filters",
    "django_tables2",
    "django_htmx",
    "csp",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.gzip.GZipMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "controlcenter.middleware.ContextMiddleware",
]
ROOT_URLCONF = "controlcenter.urls"
WSGI_APPLICATION = "controlcenter.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "accounts.shell.shell",
            ],
        },
    },
    {  # For what a page has very many of: see auditlog/templatetags/drawing.py
        "BACKEND": "django.template.backends.jinja2.Jinja2",
        "NAME": "jinja",
        "DIRS": [BASE_DIR / "templates"],
        "OPTIONS": {"trim_blocks": True, "lstrip_blocks": True},
    },
]

# Storage

DATABASE_URL = required("DATABASE_URL", "name PostgreSQL 16 or newer: postgresql://user:password@host/database")
if not DATABASE_URL.startswith(("postgresql://", "postgres://")):
    raise ImproperlyConfigured("DATABASE_URL names another database: only postgresql://… will do.")
DATABASES = {
    "default": dj_database_url.parse(
        DATABASE_URL,
        conn_max_age=300,
        conn_health_checks=True,  # A restarted database is noticed before a request fails on it.
    )
}
if LOG_REPLICA_URL := os.environ.get("LOG_REPLICA_URL", "").strip():
    DATABASES["log_replica"] = dj_database_url.parse(LOG_REPLICA_URL, conn_max_age=300, conn_health_checks=True)
    DATABASES["log_replica"].setdefault("OPTIONS", {})["connect_timeout"] = 2  # The primary can be asked instead.
    DATABASES["log_replica"]["TEST"] = {"MIRROR": "default"}
for (
    database
) in DATABASES.values():  # The servers' role has a limit, which is for pages. They ask for it: see pooling.py
    database.setdefault("OPTIONS", {}).setdefault("options", "-c statement_timeout=0")
DATABASE_ROUTERS = ["controlcenter.replica.Router"]
STATEMENT_TIMEOUT = count("STATEMENT_TIMEOUT", "20")  # seconds, for pages: see pooling.py
DATABASE_CONNECTIONS = count("DATABASE_CONNECTIONS", "4")  # of each server process; 0: each thread has one of its own
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / ".static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

# Signing in

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["accounts.backends.MembershipBackend"]
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "home"
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
REQUIRE_SECOND_FACTOR_FOR_STAFF = flag("REQUIRE_SECOND_FACTOR_FOR_STAFF", default=not INSECURE_HTTP)

# Sessions: see accounts/sessions.py

SESSION_ENGINE = "accounts.sessions"
SESSION_COOKIE_AGE = 60 * count("SESSION_IDLE_MINUTES", "720")  # seconds since somebody asked for something
SESSION_LONGEST = 60 * 60 * count("SESSION_HOURS", "168")  # seconds since somebody signed in
# A browser takes __Host- cookies from this very host only, by HTTPS: no other site of the domain can set them.
COOKIE_PREFIX = "" if INSECURE_HTTP else "__Host-"
SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = f"{COOKIE_PREFIX}sessionid", f"{COOKIE_PREFIX}csrftoken"
KNOWN_BROWSER_COOKIE = f"{COOKIE_PREFIX}known"  # See accounts/known_browsers.py
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"  # Strict would sign out who follows the link in a mail.

# Mail: invitations

MAIL = urlsplit(os.environ.get("EMAIL_URL", "").strip() or "smtp://localhost")
EMAIL_BACKENDS = {"console": "console", "smtp": "smtp", "smtp+tls": "smtp", "smtps": "smtp"}
try:
    EMAIL_PORT = MAIL.port or {"smtp+tls": 587, "smtps": 465}.get(MAIL.scheme, 25)
    EMAIL_BACKENDS[MAIL.scheme]
except (KeyError, ValueError) as error:
    remedy = "smtp://user:password@host:port, smtp+tls://… (STARTTLS), smtps://…, or console: to print mails"
    raise ImproperlyConfigured(f"EMAIL_URL is of another kind: use {remedy}.") from error
EMAIL_BACKEND = f"django.core.mail.backends.{EMAIL_BACKENDS[MAIL.scheme]}.EmailBackend"
EMAIL_HOST = MAIL.hostname or "localhost"
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = unquote(MAIL.username or ""), unquote(MAIL.password or "")
EMAIL_USE_TLS, EMAIL_USE_SSL = MAIL.scheme == "smtp+tls", MAIL.scheme == "smtps"
EMAIL_TIMEOUT = 10  # seconds: somebody waits for the page
DEFAULT_FROM_EMAIL = os.environ.get("EMAIL_FROM", "").strip() or "Control Center <no-reply@localhost>"

# The API

API_REQUESTS_PER_MINUTE = count("API_REQUESTS_PER_MINUTE", "600")  # of one token

# Sealing, and where anchors go: see docs/trust.md

SEALING_KEY_FILE = os.environ.get("SEALING_KEY_FILE", "").strip()
try:  # One key a line, or in SEALING_KEYS separated by commas; the first one signs, the others are retired.
    SEALING_KEYS = names("SEALING_KEYS") or (Path(SEALING_KEY_FILE).read_text().split() if SEALING_KEY_FILE else [])
except OSError as error:
    raise ImproperlyConfigured(f"SEALING_KEY_FILE is {SEALING_KEY_FILE!r}: {error.strerror}.") from error
SEAL_EVERY = count("SEAL_EVERY", "5")  # seconds; sooner when 1,000 entries wait
ANCHOR_EVERY = count("ANCHOR_EVERY", "3600")  # seconds
ANCHOR_DIR = os.environ.get("ANCHOR_DIR", "").strip()
ANCHOR_S3 = os.environ.get("ANCHOR_S3", "").strip()  # https://key:secret@host/bucket/prefix?region=…&days=…
ANCHOR_EMAIL = flag("ANCHOR_EMAIL")  # to the auditors of each account
ANCHOR_WEBHOOK = os.environ.get("ANCHOR_WEBHOOK", "").strip()
ANCHOR_WEBHOOK_SECRET = os.environ.get("ANCHOR_WEBHOOK_SECRET", "").strip()

# What the log could not take is counted here: outside of the database, which is what failed

UNRECORDED_FILE = os.environ.get("UNRECORDED_FILE", "").strip() or str(
    Path(gettempdir()) / f"controlcenter-{os.getuid()}" / f"unrecorded-{sha256(bytes(BASE_DIR)).hexdigest()[:12]}"
)

# Language and time

LANGUAGE_CODE = "en-us"
USE_I18N = False
USE_TZ = True
TIME_ZONE = "UTC"

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": "controlcenter.logs.LineFormatter",  # One event, one line, no secret in it.
            "format": "{asctime} {levelname:<7} {name}: {message}",
            "style": "{",
        }
    },
    "handlers": {
        "console": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout", "formatter": "line"},
        "alarm": {"class": "logging.StreamHandler", "stream": "ext://sys.stderr", "formatter": "line"},
    },
    "root": {"handlers": ["console"], "level": "INFO"},
    # Django's own handlers print only under DEBUG or send mail to nobody.
    "loggers": {
        "django": {"handlers": [], "level": "INFO", "propagate": True},
        "auditlog.unrecorded": {"handlers": ["alarm"]},
        "gunicorn.http.wsgi": {"level": "ERROR"},  # It warns of every HEAD request.
        "django.security.DisallowedHost": {"level": "CRITICAL"},  # Somebody's scan is nobody's emergency.
        "django.request": {"level": "ERROR"},  # Refusals are entries of the log, not of this one.
    },
}
