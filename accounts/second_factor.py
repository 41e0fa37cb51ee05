"""The second factor of a sign-in: codes of an authenticator app (TOTP, RFC 6238), and recovery codes beside them."""

import base64
import hmac
import secrets
import unicodedata
from collections.abc import Iterator
from datetime import datetime

import segno
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from django.conf import settings
from django.utils.crypto import salted_hmac

ISSUER = "Control Center"
DIGITS, STEP = 6, 30  # What every authenticator app can do, with SHA-1: RFC 6238 leaves the choice, the apps do not.
WINDOW = (-1, 0, 1)
"""Steps around now whose codes count: clocks differ, and people need time to type."""
RECOVERY_CODES = 10
MISREAD = str.maketrans("018", "olb")
"""Digits that no recovery code has, and the letters that they are taken for."""
SALT = "accounts.second_factor"


class Unreadable(Exception):  # noqa: N818
    """A secret was encrypted with a SECRET_KEY that is not there any more."""

    def __init__(self) -> None:
        super().__init__("A second factor was encrypted with another SECRET_KEY: name that in SECRET_KEY_FALLBACKS.")


def new_secret() -> bytes:
    """Return a new secret for an app to make codes from: 160 bits, as RFC 4226 recommends."""
    return secrets.token_bytes(20)


def seal(secret: bytes) -> str:
    """Return a secret as it is stored: encrypted with a key that is not in the database."""
    return _safe().encrypt(secret).decode()


def unseal(sealed: str) -> bytes:
    """Return a stored secret. Raises ``Unreadable``."""
    try:
        return _safe().decrypt(sealed)
    except InvalidToken as error:
        raise Unreadable from error


def step_of(secret: bytes, code: str, now: datetime) -> int | None:
    """Return the step of time, counted from 1970, that a code belongs to; None for a wrong or an old one."""
    present, found = int(now.timestamp()) // STEP, None
    if not code.isascii():  # Nothing else can be compared.
        return None
    for step in (present + offset for offset in WINDOW):
        if hmac.compare_digest(code_at(secret, step), code):
            found = step
    return found


def code_at(secret: bytes, step: int) -> str:
    """Return the code that an app shows in a step of time."""
    return _totp(secret).generate(step * STEP).decode()


def address_of(secret: bytes, email: str) -> str:
    """Return what an app reads from the picture: an ``otpauth://`` address."""
    return _totp(secret).get_provisioning_uri(email, ISSUER)


def typed_form(secret: bytes) -> str:
    """Return a secret as people type it who can't take the picture: groups of four letters."""
    text = base64.b32encode(secret).decode()
    return " ".join(text[start : start + 4] for start in range(0, len(text), 4))


def picture_of(address: str) -> str:
    """Return a QR code as SVG, black on white in any theme: cameras want it so. It has no style of its own."""
    code: str = segno.make(address, error="m").svg_inline(
        border=4, omitsize=True, light="#fff", svgclass="qr", lineclass=None
    )
    return code


def new_recovery_codes() -> list[str]:
    """Return new recovery codes, 50 bits each: "k3mzp-w7x2q"."""
    texts = (base64.b32encode(secrets.token_bytes(7)).decode().lower() for _ in range(RECOVERY_CODES))
    return [f"{text[:5]}-{text[5:10]}" for text in texts]


def bare(typed: str) -> str:
    """Return a code as it counts, however it was grouped or written: full-width digits are digits, too."""
    return "".join(unicodedata.normalize("NFKC", typed).split()).replace("-", "").lower()


def digest_of(code: str) -> str:
    """Return what is stored of a recovery code: a digest that needs the SECRET_KEY to be guessed at."""
    return next(digests_of(code))


def digests_of(code: str) -> Iterator[str]:
    """Yield the digests of a recovery code under the present SECRET_KEY and under those before it."""
    letters = bare(code).translate(MISREAD)
    for key in _keys():
        yield salted_hmac(SALT, letters, secret=key, algorithm="sha256").hexdigest()


def _totp(secret: bytes) -> TOTP:
    return TOTP(secret, DIGITS, SHA1(), STEP)  # noqa: S303  (as an HMAC it is sound)


def _keys() -> list[str]:
    return [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]


def _safe() -> MultiFernet:
    return MultiFernet([Fernet(_key_from(key)) for key in _keys()])


def _key_from(secret_key: str) -> bytes:
    derived = HKDF(SHA256(), 32, salt=None, info=SALT.encode()).derive(secret_key.encode())
    return base64.urlsafe_b64encode(derived)
