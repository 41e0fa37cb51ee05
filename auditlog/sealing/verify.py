"""Verify an export of the audit log. Needs Python 3.11 or newer, and nothing else.

    python verify.py BUNDLE [--anchors DIRECTORY] [--key ID] [--part]

BUNDLE is the folder or the zip file that `export_bundle` wrote. DIRECTORY holds the anchors you were given over time:
they are what nobody can change any more, so without them a log that was rewritten as a whole would look sound.
Exit status: 0 sound, 1 altered, 2 incomplete, 3 there is no such bundle or folder of anchors.
"""

import argparse
import hashlib
import json
import sys
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from typing import IO, Any, NamedTuple

SOUND, ALTERED, INCOMPLETE = 0, 1, 2
WRONG_CALL = 3
VERDICTS = ("sound", "ALTERED", "incomplete")
MOST_SHOWN = 20
LATE = timedelta(days=1)
SLOW = timedelta(hours=1)
"""An entry this much older than the newest head, and in no block, was slipped in, or its transaction is very long."""

FRESH = timedelta(minutes=1)
"""So old an entry may be without being sealed."""

EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
NOTHING = hashlib.sha256(b"").hexdigest()
"""What the first head has for the head before it."""


# Merkle trees, as RFC 6962 has them


def leaf_hash(data: bytes) -> bytes:
    """Return the leaf of some data."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the node above two others."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def root_of(leaves: list[bytes]) -> bytes:
    """Return the root over leaves. Pairs are joined level by level; what has no partner moves up as it is."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    sha256 = hashlib.sha256
    level = leaves
    while len(level) > 1:
        odd = level[-1:] if len(level) % 2 else []
        pairs = zip(level[::2], level[1::2], strict=False)
        level = [sha256(b"\x01" + left + right).digest() for left, right in pairs] + odd
    return level[0]


class Tree:
    """The same over leaves that come one by one: it keeps a node for each power of two, not the leaves."""

    def __init__(self) -> None:
        self.size = 0
        self._nodes: list[bytes] = []

    def add(self, leaf: bytes) -> None:
        """Take another leaf, on the right of all others."""
        node, below = leaf, self.size
        while below & 1:
            node, below = node_hash(self._nodes.pop(), node), below >> 1
        self._nodes.append(node)
        self.size += 1

    @property
    def root(self) -> bytes:
        """The root over all leaves so far."""
        if not self._nodes:
            return root_of([])
        root, *others = reversed(self._nodes)
        for node in others:
            root = node_hash(node, root)
        return root


def root_by_path(leaf: bytes, index: int, size: int, path: list[bytes]) -> bytes:
    """Return the root that an inclusion proof leads to (RFC 9162, section 2.1.3.2). Raises ``ValueError``."""
    node, last = leaf, size - 1
    for beside in path:
        if not last:
            raise ValueError("a proof is too long")
        if index % 2 or index == last:
            node = node_hash(beside, node)
            while not index % 2 and index:
                index, last = index >> 1, last >> 1
        else:
            node = node_hash(node, beside)
        index, last = index >> 1, last >> 1
    if last:
        raise ValueError("a proof is too short")
    return node


# Signatures: Ed25519, RFC 8032 section 5.1, in extended coordinates. Nothing secret is handled here.

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)

Point = tuple[int, int, int, int]
NEUTRAL: Point = (0, 1, 1, 0)


def _add(one: Point, two: Point) -> Point:
    a, b = (one[1] - one[0]) * (two[1] - two[0]) % P, (one[1] + one[0]) * (two[1] + two[0]) % P
    c, d = 2 * one[3] * two[3] * D % P, 2 * one[2] * two[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def _double(point: Point) -> Point:
    x, y, z, _ = point
    a, b = x * x % P, y * y % P
    h, g = a + b, a - b
    e, f = h - (x + y) * (x + y), 2 * z * z + g
    return e * f % P, g * h % P, f * g % P, e * h % P


def _times(scalar: int, point: Point) -> Point:
    found = NEUTRAL
    for bit in bin(scalar)[2:]:
        found = _double(found)
        if bit == "1":
            found = _add(found, point)
    return found


def _point(raw: bytes) -> Point | None:
    y = int.from_bytes(raw, "little")
    sign, y = y >> 255, y & ((1 << 255) - 1)
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT_OF_MINUS_ONE % P
    if (x * x - square) % P or (x == 0 and sign):
        return None
    if x % 2 != sign:
        x = P - x
    return x, y, 1, x * y % P


BASE = _point(bytes.fromhex("58" + "66" * 31))


def signature_holds(public: bytes, message: bytes, signature: bytes) -> bool:
    """Say whether an Ed25519 signature is that of a message under a public key."""
    if len(public) != 32 or len(signature) != 64:
        return False
    key, nonce = _point(public), _point(signature[:32])
    scalar = int.from_bytes(signature[32:], "little")
    if key is None or nonce is None or scalar >= ORDER or BASE is None:
        return False
    challenge = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % ORDER
    left, right = _times(scalar, BASE), _add(nonce, _times(challenge, key))
    same_x = (left[0] * right[2] - right[0] * left[2]) % P == 0
    return same_x and (left[1] * right[2] - right[1] * left[2]) % P == 0


# Signed documents: heads, anchors, keys, certificates


class Document(NamedTuple):
    """A canonical JSON text, what it says, and its signature."""

    text: bytes
    says: dict[str, Any]
    signature: bytes

    @classmethod
    def of(cls, text: str | bytes, signature: str | bytes) -> "Document":
        """Return the document of a text; one that is no JSON object says nothing."""
        raw = text.encode() if isinstance(text, str) else text
        try:
            says = json.loads(raw)
            signed = bytes.fromhex(signature) if isinstance(signature, str) else signature
        except ValueError:
            says, signed = {}, b""
        return cls(raw, says if isinstance(says, dict) else {}, signed)

    @property
    def digest(self) -> str:
        """SHA-256 of the text, in hex: what the next one links to."""
        return hashlib.sha256(self.text).hexdigest()


Holds = Callable[[bytes, bytes, bytes], bool]


class Keys:
    """The public keys there are, in their order, and which of them are believed.

    An id is the beginning of the key's own digest, so no other key can take it. Believed is a key that was named by who
    verifies (or signed the first anchor they hold), and each whose document a believed key signed. Nothing else is.
    """

    def __init__(self, documents: Iterable[Document], trusted: Iterable[str] = (), holds: Holds = signature_holds):
        self.holds = holds
        self.public: dict[str, bytes] = {}
        named, self.believed = set(trusted), set[str]()
        for document in documents:
            says = document.says
            key, public = str(says.get("key")), _hex(says.get("public"))
            if says.get("kind") != "key" or key != key_id(public):
                continue
            self.public[key] = public
            signer = str(says.get("previous") or key)
            signed = signer in self.public and holds(self.public[signer], document.text, document.signature)
            if key in named or (signed and (not named or signer in self.believed)):
                self.believed.add(key)
        self.order = {key: place for place, key in enumerate(self.public)}

    def complaint(self, document: Document, kind: str) -> str:
        """Say what is wrong with a document's kind, key or signature; "" for nothing."""
        key = str(document.says.get("key"))
        if document.says.get("kind") != kind:
            return f"it is no {kind}"
        if key not in self.believed:
            return f"it is signed with a key that is not believed ({key[:32]})"
        return "" if self.holds(self.public[key], document.text, document.signature) else "its signature is not right"


def key_id(public: bytes) -> str:
    """Return the id of a public key."""
    return hashlib.sha256(public).hexdigest()[:32]


def _hex(text: Any) -> bytes:
    try:
        return bytes.fromhex(text)
    except (TypeError, ValueError):
        return b""


# Anchors


class Anchored(NamedTuple):
    """What an anchor says of one account: how far its chain went, and the digest of the head there."""

    account: int
    number: int
    last: int
    digest: str


class Anchor(NamedTuple):
    """A signed root over the heads of all accounts, and one account's head under it."""

    name: str
    document: Document
    head: Anchored

    @property
    def time(self) -> str:
        """When it was made."""
        return str(self.document.says.get("time"))


def anchor_leaf(head: Iterable[Any]) -> bytes:
    """Return the leaf of an account's head in an anchor."""
    return leaf_hash(json.dumps(list(head), separators=(",", ":")).encode())


def read_anchor(name: str, content: bytes, account: int) -> Anchor | None:
    """Return what an anchor file says of an account; None when it says nothing of it. Raises ``ValueError``.

    A file holds all heads, or, as a receipt, one head and the path to the root.
    """
    found = json.loads(content)
    document = Document.of(found["text"], found["signature"])
    if document.says.get("kind") != "anchor":
        return None
    root = str(document.says.get("root"))
    if "heads" in found:
        if root_of([anchor_leaf(head) for head in found["heads"]]).hex() != root:
            raise ValueError("its heads are not those that its root was signed for")
        heads = [Anchored(*head) for head in found["heads"]]
    else:
        leaf, path = anchor_leaf(found["head"]), [bytes.fromhex(node) for node in found["path"]]
        if root_by_path(leaf, found["index"], document.says["size"], path).hex() != root:
            raise ValueError("its path does not lead to the root that was signed")
        heads = [Anchored(*found["head"])]
    return next((Anchor(name, document, head) for head in heads if head.account == account), None)


# What was removed


class Removal:
    """What a certificate says was removed by retention, and what of it is gone indeed."""

    def __init__(self, document: Document) -> None:
        says = document.says
        self.digest, self.time = document.digest, str(says["time"])
        self.start, self.end = str(says["from"]), str(says["until"])
        self.first, self.last, self.count, self.days = (int(says[name]) for name in ("first", "last", "count", "days"))
        self.kept = id_before(self.time, timedelta(days=self.days))
        self.root = str(says["root"])
        self.gone = Tree()

    @property
    def place(self) -> str:
        """How it is called."""
        return f"the certificate of {self.time} (entries {self.first} to {self.last})"

    def covers(self, seq: int, entry_id: str) -> bool:
        """Say whether an entry is among what was removed."""
        return self.first <= seq <= self.last and self.start <= entry_id < self.end

    @property
    def complaint(self) -> str:
        """What is wrong with it, given all that is gone; "" for nothing."""
        if self.end > self.kept:
            return f"it was too early: entries were kept for {self.days} days"
        if self.gone.size != self.count:
            return f"it says that {self.count:,} entries were removed, and {self.gone.size:,} are gone"
        return "" if self.gone.root.hex() == self.root else "other entries than those it was signed for are gone"


# What an entry's columns have to be


def columns_of(event: dict[str, Any], row: list[Any]) -> list[Any]:
    """Return what the searchable columns beside a body have to hold; ``row`` for what the body does not say."""
    actor, where, app = event["actor"], event["where"], event["app"] or {}
    told = event["v"] >= 2  # Before, a body did not hold the ids of app and actor.
    return [
        event["id"],
        event["account"],
        app.get("key") if told else row[2],
        actor.get("key") if told else row[3],
        KINDS.index(actor["type"]) + 1,
        actor.get("token"),
        event["operation"]["code"],
        event["success"],
        where.get("ip"),
        where.get("request", ""),
        [{"id": target.get("id", ""), "type": target.get("type", "")} for target in event["targets"]],
        actor.get("subject"),
    ]


KINDS = ("user", "token", "service_account", "system", "support_staff", "anonymous")
NAMES = (
    "id",
    "account",
    "app",
    "actor",
    "kind of actor",
    "token",
    "operation",
    "success",
    "address",
    "request",
    "targets",
    "person",
)

OPERATION = 3 + NAMES.index("operation")
EXPIRED, HELD, RELEASED = 1204, 1207, 1208
"""Operations that tell of the log's own end: entries were removed; none may be, from now on; they may again."""

LEAF = 3 + len(NAMES)
SIZE = LEAF + 1
"""Places in a row's header: the leaf kept beside the body, and how long the body is."""


parse = json.JSONDecoder().raw_decode  # json.loads does more that is not needed here, a million times


def differing(row: list[Any], body: bytes) -> str:
    """Name the first column that does not hold what the body says; "" when all do."""
    try:
        expected = columns_of(parse(str(body, "utf-8"))[0], row)
    except (ValueError, KeyError, TypeError, AttributeError):
        return "body (it is not of the known form)"
    if row == expected:
        return ""
    for name, is_, ought in zip(NAMES, row, expected, strict=True):
        if is_ != ought and not (name == "address" and _same_address(is_, ought)):
            return name
    return ""


def _same_address(one: Any, two: Any) -> bool:
    try:
        return ip_address(one) == ip_address(two)
    except ValueError:
        return False


# The verification


class Row(NamedTuple):
    """A sealed place and the entry in it; or an entry that is in none."""

    header: list[Any]
    body: bytes

    # The header, in order: seq, sealed id, sealed leaf; the columns in the order of NAMES; leaf; size.


@dataclass
class Report:
    """What was found in one account."""

    account: int
    entries: int = 0
    blocks: int = 0
    late: int = 0
    first_late: str = ""
    unsealed: int = 0
    first_unsealed: str = ""
    waiting: int = 0
    removed: int = 0
    erased: int = 0
    anchored: str = ""
    time: str = ""
    last: int = 0
    problems: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def status(self) -> int:
        """The exit status."""
        return ALTERED if self.problems else INCOMPLETE if self.missing else SOUND

    @property
    def all_notes(self) -> list[str]:
        """What is no fault, and worth knowing."""
        counted = (
            (
                self.late,
                "entries were sealed over a day after the time they give (imported or written later than they "
                f"happened), first {self.first_late}",
            ),
            (self.removed, "entries were removed by retention, as certificates say"),
            (self.erased, "namings of persons were erased"),
            (self.waiting, "entries of the last minute wait to be sealed"),
        )
        return [f"{count:,} {what}" for count, what in counted if count] + self.notes

    def complain(self, sentence: str) -> None:
        """Note that something was altered: the first of it is what counts."""
        if len(self.problems) < MOST_SHOWN:
            self.problems.append(sentence)


@dataclass
class Chain:
    """Verifies the chain of one account, block by block: constant memory, whatever its length."""

    account: int
    keys: Keys
    anchors: list[Anchor] = field(default_factory=list)
    certificates: list[Document] = field(default_factory=list)
    previous: Document | None = None
    """The head before the first one that is checked, where not all are."""
    at: str = ""
    """When the entries were read."""
    whole: bool = True
    """Whether all heads until the newest are there; otherwise anchors beyond the last one tell nothing."""
    report: Report = field(init=False)

    def __post_init__(self) -> None:
        self.report = Report(self.account)
        self._waiting: dict[int, list[Anchor]] = {}
        for anchor in self.anchors:
            self._waiting.setdefault(anchor.head.number, []).append(anchor)
        self._begins = self.previous.says["last"] + 1 if self.previous else 1
        self._removals = [removal for document in self.certificates if (removal := self._removal(document))]
        self._told: set[str] = set()
        self._holds: list[tuple[str, bool, str]] = []

    def check(
        self, heads: Iterable[tuple[Document, list[Any]]], rows: Iterator[Row], stop: Callable[[], bool] = lambda: False
    ) -> Report:
        """Verify heads, each with the columns kept beside it, and the rows they cover, both in order."""
        waiting = next(rows, None)
        for head, columns in heads:
            if stop():
                self.report.notes.append(f"stopped before block {head.says.get('number')}: there was no more time")
                break
            if not self._link(head, columns):
                continue
            waiting = self._block(head, waiting, rows)
            self.previous = head
        else:
            self._rest(waiting, rows)
            self._anchors_beyond()
            self._removed()
        self._sign_off()
        return self.report

    # Heads

    def _link(self, head: Document, columns: list[Any]) -> bool:
        """Check a head against the one before; say whether its block can be looked at."""
        says, before = head.says, self.previous
        number: Any = says.get("number")
        place = f"block {number} (entries {says.get('first')} to {says.get('last')})"
        if says.get("kind") != "head" or not all(type(says.get(name)) is int for name in ("number", "first", "last")):
            self.report.complain(f"a head is none: {head.text[:80]!r}")
            return False
        if says.get("account") != self.account:
            self.report.complain(f"{place}: its head is of account {says.get('account')}")
            return False
        if columns != [number, says["first"], says["last"], says.get("root")]:
            self.report.complain(f"{place}: the columns beside its head say otherwise: {columns}")
        expected = (before.says["number"] + 1, before.says["last"] + 1) if before else (1, 1)
        if (number, says["first"]) != expected or says["last"] < says["first"]:
            self.report.complain(f"{place}: expected was block {expected[0]}, beginning with entry {expected[1]}")
            if not before or number <= before.says["number"]:
                return False  # A block that was there already.
        elif says.get("previous") != (before.digest if before else NOTHING):
            broken = head if not before or self.keys.complaint(head, "head") else before
            self.report.complain(
                f"block {broken.says.get('number')}: the link between blocks {number - 1} and {number} is broken"
            )
        if before and says.get("key") != before.says.get("key"):
            self._change_key(before, head, place)
        for anchor in self._waiting.pop(number, []):
            if anchor.head.digest != head.digest or anchor.head.last != says["last"]:
                self.report.complain(f"{place}: the anchor of {anchor.time} ({anchor.name}) has another head there")
            self.report.anchored = max(self.report.anchored, anchor.time)
        self.report.blocks += 1
        self.report.last, self.report.time = says["last"], str(says.get("time"))
        return True

    def _change_key(self, before: Document, head: Document, place: str) -> None:
        """A signature covers all heads before it: the last one of each key is enough, for they are linked."""
        self._require_signature(before)
        order = self.keys.order
        if order.get(str(head.says.get("key")), -1) < order.get(str(before.says.get("key")), -1):
            self.report.complain(f"{place}: it is signed with a key that was retired before")

    def _require_signature(self, head: Document) -> None:
        if complaint := self.keys.complaint(head, "head"):
            self.report.complain(f"block {head.says.get('number')}: {complaint}")

    def _sign_off(self) -> None:
        if self.previous and self.report.blocks:
            self._require_signature(self.previous)

    # Entries

    def _block(self, head: Document, waiting: Row | None, rows: Iterator[Row]) -> Row | None:
        """Check the entries of a block against its root; return the first row beyond it."""
        first, last = head.says["first"], head.says["last"]
        sealed: list[bytes] = []
        found: list[bytes | None] = []
        seq = first
        gaps, before = 0, len(self.report.problems)
        sha256, late = hashlib.sha256, id_before(str(head.says.get("time")), LATE)
        while waiting is not None and (place := waiting.header[0]) is not None and place <= last:
            header, body = waiting
            if place != seq:
                if place < seq:
                    self.report.complain(f"entry {place} ({header[1]}): its place is taken, or in another block")
                    waiting = next(rows, None)
                    continue
                gaps += place - seq
                self.report.complain(f"entry {seq}: no entry has this number in block {head.says['number']}")
                seq = place
            leaf = bytes.fromhex(header[2])
            sealed.append(leaf)
            if header[3] is None:
                found.append(None)
                self._gone(seq, header[1], leaf)
            else:
                recomputed = sha256(b"\x00" + body).digest()
                found.append(recomputed)
                if recomputed != leaf or header[LEAF] != header[2] or (complaint := differing(header[3:LEAF], body)):
                    complaint = complaint if recomputed == leaf and header[LEAF] == header[2] else ""
                    self._altered(header, recomputed, complaint)
                elif header[3] != header[1]:
                    self.report.complain(f"entry {seq} ({header[1]}): another entry lies there, {header[3]}")
                if header[1] < late:
                    self._note_late(header)
                if header[OPERATION] >= EXPIRED:
                    self._hear(header, body)
            self.report.entries += header[3] is not None
            seq += 1
            waiting = next(rows, None)
        if seq <= last:
            self.report.complain(f"entry {seq}: it and what follows in block {head.says['number']} is not there")
        elif not gaps:
            self._root(head, sealed, found, quiet=len(self.report.problems) > before)
        return waiting

    def _root(self, head: Document, sealed: list[bytes], found: list[bytes | None], *, quiet: bool) -> None:
        root = head.says.get("root")
        if root_of(sealed).hex() == root:
            return
        whole = [leaf for leaf in found if leaf is not None]
        place = f"block {head.says['number']} (entries {head.says['first']} to {head.says['last']})"
        if len(whole) == len(found) and root_of(whole).hex() == root:
            if not quiet:
                self.report.complain(f"{place}: the sealed leaves were altered; the entries themselves were not")
            return
        self.report.complain(f"{place}: its entries are not those that were signed")

    def _altered(self, header: list[Any], recomputed: bytes, column: str) -> None:
        place = f"entry {header[0]} ({header[1]})"
        if column:
            self.report.complain(f"{place}: its column {column} is not what its body says")
        elif recomputed.hex() != header[2]:
            self.report.complain(f"{place}: its body is not what was sealed")
        else:
            self.report.complain(f"{place}: its leaf is not that of its body")

    # What retention removed

    def _removal(self, certificate: Document) -> Removal | None:
        if complaint := self.keys.complaint(certificate, "certificate"):
            self.report.complain(f"a certificate of what was removed is not valid: {complaint}")
            return None
        try:
            removal = Removal(certificate)
        except (KeyError, ValueError, TypeError, OverflowError):
            self.report.complain(f"a certificate of what was removed is none: {certificate.text[:80]!r}")
            return None
        return removal if certificate.says.get("account") == self.account else None

    def _gone(self, seq: int, entry_id: str, leaf: bytes) -> None:
        for place, removal in enumerate(self._removals):
            if removal.covers(seq, entry_id):
                removal.gone.add(leaf)
                self.report.removed += 1
                self._removals[0], self._removals[place] = removal, self._removals[0]  # the next one will be there, too
                return
        self.report.complain(f"entry {seq} ({entry_id}): it was deleted, and no certificate says so")

    def _hear(self, header: list[Any], body: bytes) -> None:
        """Listen to what the log tells of its own end."""
        try:
            event = parse(str(body, "utf-8"))[0]
            if not event["success"]:
                return
            if header[OPERATION] == EXPIRED:
                self._told.add(event["changes"]["digest"][1])
            elif header[OPERATION] in (HELD, RELEASED):
                self._holds.append((event["time"], header[OPERATION] == HELD, f"entry {header[3]}"))
        except (ValueError, KeyError, TypeError, IndexError):
            return  # What is wrong with it was told already, if anything is.

    def _removed(self) -> None:
        """Hold certificates against all that is gone, and against what the log tells. A part tells of its own only."""
        self._holds.sort()
        for removal in sorted(self._removals, key=lambda removal: removal.first):
            if self._begins > removal.first or self.report.last < removal.last:
                continue
            if complaint := removal.complaint or self._held(removal):
                self.report.complain(f"{removal.place}: {complaint}")
            elif self.whole and removal.digest not in self._told and not self._was_removed(removal):
                self.report.complain(f"{removal.place}: no entry of the log tells of it")

    def _held(self, removal: Removal) -> str:
        before = [hold for hold in self._holds if hold[0] <= removal.time]
        return f"the log was on legal hold, as {before[-1][2]} says" if before and before[-1][1] else ""

    def _was_removed(self, removal: Removal) -> bool:
        """Say whether the entry that told of a removal may have been removed itself since."""
        then = id_before(removal.time)
        return any(other.start <= then < other.end for other in self._removals)

    def _note_late(self, header: list[Any]) -> None:
        self.report.late += 1
        self.report.first_late = self.report.first_late or f"{header[0]} ({header[1]})"

    def _rest(self, waiting: Row | None, rows: Iterator[Row]) -> None:
        """Look at what is in no block: sealed places without a head, and entries that wait, or were slipped in."""
        newest = self.report.time
        too_old, fresh = id_before(newest, SLOW), id_before(self.at, FRESH)
        while waiting is not None:
            header, body = waiting
            if (header[OPERATION] or 0) >= EXPIRED:
                self._hear(header, body)
            if header[0] is not None:
                self.report.complain(f"entry {header[0]} ({header[1]}): no block has it")
            elif leaf_hash(body).hex() != header[LEAF]:
                self.report.complain(f"entry {header[3]}: it was altered before it was sealed")
            elif column := differing(header[3:LEAF], body):
                self.report.complain(f"entry {header[3]}: its column {column} is not what its body says")
            elif header[3] < too_old:
                self.report.complain(
                    f"entry {header[3]}: no block has it, though it is dated long before {newest}: it was slipped in"
                )
            elif header[3] < fresh:
                self.report.unsealed += 1
                self.report.first_unsealed = self.report.first_unsealed or header[3]
            else:
                self.report.waiting += 1
            waiting = next(rows, None)
        if self.report.unsealed:
            self.report.missing.append(
                f"{self.report.unsealed:,} entries are in no block, from {self.report.first_unsealed} on: "
                "nothing proves them"
            )

    def _anchors_beyond(self) -> None:
        if not self.whole:
            return
        for number, anchors in sorted(self._waiting.items()):
            end = self.previous.says["number"] if self.previous else 0
            if number > end:
                self.report.complain(
                    f"block {number} is missing: the anchor of {anchors[0].time} ({anchors[0].name}) knows it with "
                    f"entry {anchors[0].head.last}, and the log ends with block {end}: it was cut off or rolled back"
                )


@cache
def id_before(time: str, by: timedelta = timedelta()) -> str:
    """Return the beginning of the ids of a time, or of that much earlier: older ids are less. "" for no time."""
    try:
        since = datetime.fromisoformat(time) - by - EPOCH
    except ValueError:
        return ""
    digits = f"{max(0, since // timedelta(milliseconds=1)):012x}"
    return f"{digits[:8]}-{digits[8:]}"


# The bundle


class Bundle:
    """A folder or a zip file with the parts of an export."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.zip = zipfile.ZipFile(path) if path.is_file() else None

    def open(self, part: str) -> IO[bytes]:
        """Open a part. Raises ``OSError`` and ``KeyError`` for one that is not there."""
        return self.zip.open(part) if self.zip else (self.path / part).open("rb", buffering=1 << 20)

    def lines(self, part: str) -> Iterator[Any]:
        """Yield the JSON value of each line of a part."""
        with self.open(part) as file:
            for line in file:
                yield json.loads(line)

    def documents(self, part: str) -> Iterator[Document]:
        """Yield the signed documents of a part."""
        for line in self.lines(part):
            yield Document.of(line["text"], line["signature"])

    def heads(self) -> Iterator[tuple[Document, list[Any]]]:
        """Yield each head with the columns kept beside it."""
        for line in self.lines("blocks.ndjson"):
            yield Document.of(line["text"], line["signature"]), line["columns"]

    def rows(self) -> Iterator[Row]:
        """Yield each sealed place with its entry, and then what is not sealed: two lines each, columns and body."""
        with self.open("entries.ndjson") as file:
            while line := file.readline():
                header = parse(str(line, "utf-8"))[0]
                body = file.read(header[SIZE]) if header[SIZE] is not None else b""
                file.read(1)
                yield Row(header, body)


def wrong_naming(naming: dict[str, Any], salt: str, digest: str) -> bool:
    """Say whether a person's naming is not the one that entries commit to. One that was erased has none."""
    text = json.dumps(naming, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    return is_named(naming) and hashlib.sha256(bytes.fromhex(salt) + text).hexdigest() != digest


def is_named(naming: dict[str, Any]) -> bool:
    """Say whether anything is left of a naming."""
    return any(naming.values())


def read_anchors(folder: Path, account: int, report: Callable[[str], None]) -> list[Anchor]:
    """Return what anchors in a folder say of an account; ``report`` is told of each that can't be believed."""
    found = []
    for path in sorted(folder.rglob("*.json")):
        content = path.read_bytes()
        if b'\\"kind\\":\\"anchor\\"' not in content:
            continue  # Something else that is kept there.
        try:
            if anchor := read_anchor(path.name, content, account):
                found.append(anchor)
        except (ValueError, KeyError, TypeError, IndexError) as error:
            report(f"{path.name} is no whole anchor: {error}")
    return found


def first_key(anchors: list[Anchor]) -> list[str]:
    """Return the key of the earliest anchor: every later key has to be signed by the one before it.

    Who slips in an anchor of their own, as old as they like, makes all others look wrong, not their key look right.
    """
    return [str(min(anchors, key=lambda anchor: anchor.time).document.says.get("key"))] if anchors else []


def verify(bundle: Bundle, folder: Path | None, trusted: list[str], *, part: bool = False) -> Report:
    """Verify a bundle against anchors, and return what was found; ``part`` for one that need not be the whole log."""
    manifest = next(bundle.lines("manifest.json"))
    account, complaints = int(manifest["account"]), list[str]()
    anchors = read_anchors(folder, account, complaints.append) if folder else []
    keys = Keys(bundle.documents("keys.ndjson"), trusted or first_key(anchors))
    for anchor in anchors:
        if complaint := keys.complaint(anchor.document, "anchor"):
            complaints.append(f"{anchor.name}: {complaint}")
    in_part = not manifest["whole"] and manifest.get("previous")  # The whole begins with the first block.
    previous = Document.of(**manifest["previous"]) if in_part else None
    certificates = list(bundle.documents("certificates.ndjson"))
    chain = Chain(account, keys, anchors, certificates, previous, str(manifest["time"]), whole=manifest["whole"])
    report = chain.check(bundle.heads(), bundle.rows())
    for complaint in complaints:
        report.complain(complaint)
    for *naming, salt, digest in bundle.lines("subjects.ndjson"):
        named = dict(zip(("user_id", "slug", "first_name", "last_name", "email"), naming, strict=True))
        report.erased += not is_named(named)
        if wrong_naming(named, salt, digest):
            report.complain(
                f"person {named['slug']!r} ({digest[:16]}…): the name is not the one entries were made with"
            )
    if not manifest["whole"]:
        sentence = f"it is a part of the log: {report.blocks:,} blocks, until entry {report.last}"
        (report.notes if part else report.missing).append(sentence)
    if not anchors:
        report.missing.append("no anchor was given: a log that was rewritten as a whole would look like this, too")
    return report


def tell(report: Report, name: str) -> str:
    """Return a report as text."""
    lines = [f"{name}: {VERDICTS[report.status]}"]
    lines.append(
        f"  {report.entries:,} entries in {report.blocks:,} blocks, sealed until {report.time or 'never'}, "
        f"anchored until {report.anchored or 'never'}"
    )
    lines += [f"  ALTERED     {problem}" for problem in report.problems]
    lines += [f"  incomplete  {gap}" for gap in report.missing]
    lines += [f"  note        {note}" for note in report.all_notes]
    return "\n".join(lines)


def main() -> int:
    """Verify a bundle, tell what was found, and return the exit status."""
    arguments = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    arguments.add_argument("bundle", type=Path, metavar="BUNDLE", help="the folder or zip file of an export")
    arguments.add_argument("--anchors", type=Path, metavar="DIRECTORY", help="the anchors that you hold")
    arguments.add_argument("--key", action="append", default=[], metavar="ID", help="a key that you know to be right")
    arguments.add_argument("--part", action="store_true", help="it is meant to be a part of the log only")
    given = arguments.parse_args()
    if not given.bundle.exists():
        print(f"There is no bundle {given.bundle}: name the folder or zip file of an export.", file=sys.stderr)
        return WRONG_CALL
    if given.anchors and not given.anchors.is_dir():
        print(f"There is no folder {given.anchors}: name the one that holds the anchors.", file=sys.stderr)
        return WRONG_CALL
    try:
        bundle = Bundle(given.bundle)
        name = next(bundle.lines("manifest.json"))["name"]
        report = verify(bundle, given.anchors, given.key, part=given.part)
    except (OSError, KeyError, ValueError, TypeError, IndexError, zipfile.BadZipFile) as error:
        print(f"{given.bundle} is no whole bundle: {type(error).__name__}: {error}", file=sys.stderr)
        return INCOMPLETE
    print(tell(report, name))
    return report.status


if __name__ == "__main__":
    sys.exit(main())
