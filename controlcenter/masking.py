"""Takes away what looks like a credential from text that people and programs typed into the wrong place.

It knows the forms of our own secrets and of well-known ones. A password in the middle of a sentence has no form: what
is not caught stands in docs/trust.md. Imports nothing of ours.
"""

import re
from functools import lru_cache
from typing import Any
from urllib.parse import unquote_plus

MASK = "[masked]"
SHORTEST = 8
"""Characters; nothing shorter is a secret by its form."""
LOOKED_AT, LONGEST_PART = 2_000, 200
"""Characters that are masked of a text which is cut short, and how much at their end may be half a secret."""
MOST_REMEMBERED, LONGEST_REMEMBERED = 10_000, 500

DIGESTS = frozenset({"sha256", "digest", "leaf", "root", "subject"})
"""Names under which 64 hex digits are what they say, no token."""

_CALLED = r"(?i:pass(?:word|wd|phrase)|pwd|secret|api[_-]?key|access[_-]?key|private[_-]?key|credentials?|seed)"
_MAY_BE = r"(?i:token|sig(?:nature)?|auth(?:orization)?|key|session(?:_?id)?|cookie|code)"
_MIXED = r"(?=[A-Za-z0-9/+]{0,63}[a-z])(?=[A-Za-z0-9/+]{0,63}[A-Z])(?=[A-Za-z0-9/+]{0,63}[0-9])"
_BEGIN, _END = (rf"-----{word}[ +](?:[A-Z0-9]{{1,20}}[ +]){{0,4}}PRIVATE[ +]KEY-----" for word in ("BEGIN", "END"))

# Time has to grow with the text, not with its square. So whatever looks ahead does so for a bounded number of
# characters; what repeats without a bound either ends a form, which is found then, or goes over signs among which the
# form can't begin once more: that is what the look behind is for.
SIGNED = (
    # Private keys, also when the end was cut off.
    rf"{_BEGIN}.*?(?:{_END}|\Z)",
    # The password of an address, scheme://user:password@host; or a token in place of both.
    r"(?<=://)[^\s:/@]*:[^\s@/]+(?=@)|(?<=://)[^\s:/@]{20,}(?=@)",
    # What carries its name: password=…, "api_key": "…"; token=… when it is long: short ones are ids.
    rf"(?<![A-Za-z]){_CALLED}[\"']?\s{{0,3}}[:=]\s{{0,3}}(?:\"[^\"]+|'[^']+)",
    rf"(?<![A-Za-z]){_CALLED}[:=](?![\s\"'/])[^\s\"'&;,]{{4,}}",
    rf"(?<![A-Za-z]){_MAY_BE}[\"']?\s?[:=]\s?[\"']?(?=[^\s\"'&;,]{{0,19}}[0-9])[^\s\"'&;,]{{20,}}",
    # What we signed: the links of invitations.
    r"(?<![\w:-])[\w-]{8,}:[A-Za-z0-9]{6}:[\w-]{20,}",
    # Stored hashes of passwords.
    r"\b(?:argon2|pbkdf2_sha[0-9]{1,4}|bcrypt_sha[0-9]+|scrypt)\$[^\s'\"]+",
)
"""What can't be without one of the signs that ``_HAS_SIGN`` looks for."""
WORDS = (
    # Headers that authorize.
    r"\b(?i:Bearer|Basic|Digest|Key|Token) {1,3}(?=[^\s0-9]{0,100}[0-9])[A-Za-z0-9._~+/=-]{20,}",
    # Well-known prefixes: GitHub, GitLab, Slack, AWS, Google, OpenAI, Anthropic, Hugging Face, Stripe, npm, PyPI; JWT.
    r"\bgh[pousr]_\w{20,}|\bgithub_pat_\w{20,}|\bglpat-[\w-]{16,}|\bxox[abeoprs]-[\w-]{10,}",
    r"\bhooks\.slack\.com/services/[\w/]+|\b(?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{16}\b|\bAIza[\w-]{30,}|\bGOCSPX-[\w-]{20,}",
    r"\bsk-[\w-]{20,}|\bhf_[A-Za-z0-9]{20,}|\b[rs]k_(?:live|test)_\w{10,}|\bwhsec_\w{16,}|\bnpm_\w{20,}|\bpypi-[\w-]{20,}",
    r"(?<![\w-])eyJ[\w-]{8,}\.[\w-]{4,}(?:\.[\w-]*)?",
    # By length alone: our tokens (64), cookies and CSRF (32 or 64), AWS secret keys (40), TOTP seeds (32, base 32).
    r"(?<![A-Za-z0-9])(?<!sha256[:= ])[0-9a-f]{64}(?![A-Za-z0-9])",
    rf"(?<![A-Za-z0-9/+]){_MIXED}(?:[A-Za-z0-9]{{64}}|[A-Za-z0-9/+]{{40}}|[A-Za-z0-9]{{32}})(?![A-Za-z0-9/+])",
    r"(?<![A-Za-z0-9-])(?=[a-f0-9]{0,31}[g-z])(?=[a-z]{0,31}[0-9])[a-z0-9]{32}(?![A-Za-z0-9-])",
    r"(?<![A-Za-z0-9])(?=[A-Z ]{0,38}[2-7])(?=[2-7]{0,31}[A-Z])"
    r"(?:[A-Z2-7]{32}|(?:[A-Z2-7]{4} ){7}[A-Z2-7]{4})(?![A-Za-z0-9])",
)
FORMS = (*SIGNED, *WORDS)
_FORMS = re.compile("|".join(FORMS), re.DOTALL)
_ALL, _WITHOUT_SIGN = ([re.compile(form, re.DOTALL).search for form in forms] for forms in (FORMS, WORDS))
"""Most texts hold none: to look for one after another takes a third of the time that all at once take (7 of 23 µs),
and most have no sign: then half of the forms need not be looked for (14 µs instead of 30 for a new sentence)."""
_HAS_SIGN = re.compile(r"[:=$]|-----").search
_NAME_OF_ONE = re.compile(rf"(?:^|[_-])(?:{_CALLED}|(?i:token|authorization|cookie))$")
_LONG_WORD = re.compile(r"[A-Za-z0-9_+=.~-]{14}|[A-Z2-7]{4} [A-Z2-7]{4} [A-Z2-7]{4} ")
_HINTS = ("://", "pass", "pwd", "secret", "key", "credential", "seed", "$")
"""What each form has something of, that or a long word; most texts have neither, which is seen quickly."""

_harmless: set[str] = set()
"""Short texts that were looked at and hold nothing: names, addresses and user agents come again and again."""


def masked(text: str) -> str:
    """Return the text with ``[masked]`` in place of each credential, also of one in an address's spelling (``%3D``)."""
    if len(text) < SHORTEST or text in _harmless:
        return text
    clean = text
    if _LONG_WORD.search(text) or any(hint in text.lower() for hint in _HINTS):
        clean = _FORMS.sub(MASK, text) if _holds_one(text) else text
        if "%" in text and (plain := unquote_plus(text)) != text and _holds_one(plain):
            return _FORMS.sub(MASK, plain)
    if clean == text and len(text) <= LONGEST_REMEMBERED:
        if len(_harmless) >= MOST_REMEMBERED:
            _harmless.clear()
        _harmless.add(text)
    return clean


def _holds_one(text: str) -> bool:
    looks = _ALL if _HAS_SIGN(text) else _WITHOUT_SIGN
    return any(look(text) for look in looks)


@lru_cache(MOST_REMEMBERED)
def _is_name_of_one(name: str) -> bool:
    return bool(_NAME_OF_ONE.search(name))


def masked_start(text: str, length: int) -> str:
    """Return the first characters of a text. It is masked before it is cut: half a secret has no form."""
    clean = masked(text[:LOOKED_AT])
    if len(text) > LOOKED_AT and not clean.endswith(MASK):
        clean = clean[:-LONGEST_PART]
    return clean[:length]


def masked_deep(value: Any, name: str = "") -> Any:
    """Return a JSON value with the credentials in its texts masked, and all that stands under the name of a secret."""
    match value:
        case str() if _is_name_of_one(name) and value:
            return MASK
        case str():
            return value if name in DIGESTS else masked(value)
        case dict():
            return {masked(key): masked_deep(inner, key) for key, inner in value.items()}
        case list() | tuple():
            return [masked_deep(inner, name) for inner in value]
        case _:
            return value
