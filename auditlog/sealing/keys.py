"""The keys that heads, anchors and certificates are signed with. The first one signs; the others are retired."""

import base64
import binascii
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils import timezone

from auditlog.canonical import canonical

from .models import SealingKey
from .verify import Document, key_id

SEED_BYTES = 32


class Signer:
    """A private key, and the id by which its signatures name it."""

    def __init__(self, seed: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public = self._key.public_key().public_bytes_raw()
        self.id = key_id(self.public)

    def sign(self, kind: str, **says: Any) -> Document:
        """Return a signed document. Its kind is part of it, so that none passes for one of another kind."""
        content = {"v": 1, "kind": kind, "key": self.id, **says}
        text = canonical(content)
        return Document(text, content, self._key.sign(text))


def signers() -> list[Signer]:
    """Return the keys this process was given, the current one first; none where nothing is sealed.

    Raises:
        ImproperlyConfigured: for something that is no key.
    """
    return [Signer(_seed(text)) for text in settings.SEALING_KEYS]


def current_signer() -> Signer:
    """Return the key to sign with, made known to who verifies. Raises ``ImproperlyConfigured`` without one."""
    known = signers()
    if not known:
        raise ImproperlyConfigured(
            "There is no key to sign with: name a file in SEALING_KEY_FILE. `manage.py seal_log --new-key` prints one."
        )
    _publish(known)
    return known[0]


def new_seed() -> str:
    """Return a new private key as text."""
    return base64.b64encode(Ed25519PrivateKey.generate().private_bytes_raw()).decode()


def signature_holds(public: bytes, message: bytes, signature: bytes) -> bool:
    """Say whether a signature is that of a message under a public key; much faster than the offline verifier."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def key_documents() -> list[Document]:
    """Return the documents of all public keys, in the order in which they came into use."""
    return [Document.of(bytes(key.document), bytes(key.signature)) for key in SealingKey.objects.order_by("place")]


def _publish(known: list[Signer]) -> None:
    """Write the current public key down once: signed with the key before it, if that is still at hand."""
    current, published = known[0], list(SealingKey.objects.order_by("place").values_list("id_text", flat=True))
    if current.id in published[-1:]:
        return
    if current.id in published:
        raise ImproperlyConfigured(f"The key {current.id} was retired: put the newest key first, or a new one.")
    now = timezone.now()
    before = next((signer for signer in known if published and signer.id == published[-1]), None)
    document = _introduce(current, before or current, now)
    SealingKey.objects.bulk_create(
        [
            SealingKey(
                place=len(published) + 1,
                id_text=current.id,
                time=now,
                document=document.text,
                signature=document.signature,
            )
        ]
    )


def _introduce(new: Signer, by: Signer, now: Any) -> Document:
    previous = by.id if by is not new else ""
    return by.sign("key", **{"key": new.id, "public": new.public.hex(), "previous": previous, "time": now})


def _seed(text: str) -> bytes:
    try:
        seed = base64.b64decode(text, validate=True)
    except binascii.Error:
        seed = b""
    if len(seed) != SEED_BYTES:
        raise ImproperlyConfigured(
            "A sealing key is not 32 bytes in base64: `manage.py seal_log --new-key` prints one."
        )
    return seed
