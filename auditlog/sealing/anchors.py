"""Anchors: the heads of all accounts under one signed root, to be kept where nobody here can change it any more."""

import json
from typing import Any

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from auditlog.canonical import timestamp
from controlcenter.replica import require_primary

from . import rows
from .keys import current_signer
from .merkle import inclusion_proof, root_of
from .models import Anchor
from .verify import NOTHING, Document, anchor_leaf


def make_anchor() -> Anchor:
    """Sign the heads of all accounts as they are now, keep that, and return it. Raises ``ImproperlyConfigured``."""
    require_primary("anchor")
    signer = current_signer()
    with transaction.atomic():
        before = Anchor.objects.select_for_update().order_by("-number").first()
        heads, now = _heads(), timezone.now()
        document = signer.sign(
            "anchor",
            number=before.number + 1 if before else 1,
            size=len(heads),
            root=root_of(_leaves(heads)).hex(),
            previous=document_of(before).digest if before else NOTHING,
            time=timestamp(now),
        )
        [anchor] = Anchor.objects.bulk_create(
            [
                Anchor(
                    number=document.says["number"],
                    time=now,
                    document=document.text,
                    signature=document.signature,
                    heads=heads,
                )
            ]
        )
    return anchor


def newest() -> Anchor | None:
    """Return the last anchor that was made."""
    return Anchor.objects.filter(number=Anchor.objects.aggregate(Max("number"))["number__max"]).first()


def document_of(anchor: Anchor) -> Document:
    """Return what was signed."""
    return Document.of(bytes(anchor.document), bytes(anchor.signature))


def file_of(anchor: Anchor) -> bytes:
    """Return an anchor with the heads of all accounts, as a file."""
    return _file(anchor, heads=anchor.heads)


def receipt_of(anchor: Anchor, account_id: int) -> bytes | None:
    """Return what an anchor says of one account, with proof, and nothing of any other; None if it does not say."""
    index = next((index for index, head in enumerate(anchor.heads) if head[0] == account_id), None)
    if index is None:
        return None
    path = [node.hex() for node in inclusion_proof(index, _leaves(anchor.heads))]
    return _file(anchor, index=index, head=anchor.heads[index], path=path)


def file_name(anchor: Anchor) -> str:
    """Return what the file of an anchor is called."""
    return f"anchor-{anchor.number:06d}-{anchor.time:%Y%m%dT%H%M%SZ}.json"


def _heads() -> list[list[Any]]:
    tips = (rows.tip(account_id) for account_id in rows.account_ids())
    return [[tip.account_id, tip.number, tip.last_seq, rows.document_of(tip).digest] for tip in tips if tip]


def _leaves(heads: list[list[Any]]) -> list[bytes]:
    return [anchor_leaf(head) for head in heads]


def _file(anchor: Anchor, **content: Any) -> bytes:
    document = document_of(anchor)
    signed = {"text": document.text.decode(), "signature": document.signature.hex()}
    return json.dumps({**signed, **content}, indent=1).encode() + b"\n"
