"""Finding the row that stands for a person as they are named now."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial

from django.db import transaction

from controlcenter.context import Actor
from controlcenter.masking import masked

from .models import Subject

CACHE_SIZE = 10_000


@dataclass(frozen=True, slots=True)
class Naming:
    """What a person is called at some time."""

    user_id: int | None
    slug: str
    first_name: str
    last_name: str
    email: str


@dataclass(frozen=True, slots=True)
class Reference:
    """What an entry keeps of a naming: the row's id beside the body, the digest in it."""

    id: int
    digest: str


_known: dict[Naming, Reference] = {}
_looked_up: ContextVar[dict[Naming, Reference] | None] = ContextVar("looked_up", default=None)


def naming_of(actor: Actor) -> Naming:
    """Return how an actor is named."""
    return Naming(actor.user_id, actor.slug, actor.first_name, actor.last_name, actor.email)


def refer_to(naming: Naming) -> Reference:
    """Return the reference to a naming, creating its row the first time.

    Costs nothing for a naming of a user that this process has met: once they are erased it leads to the row that was
    blanked, as it should, and the database refuses to name them so anew. What an unfinished transaction wrote or read
    is remembered only once it has committed, so that a rollback leaves no reference to a row that is gone.
    """
    looked_up = _looked_up.get()
    if looked_up is None:
        looked_up = {}
    if known := _known.get(naming) or looked_up.get(naming):
        return known
    parts = {part: getattr(naming, part) for part in Subject.NAMING}
    parts |= {part: masked(parts[part]) for part in ("first_name", "last_name")}
    row = Subject.objects.filter(**parts).values_list("id", "digest").first()
    if not row:
        subject = Subject(**parts)
        subject.digest = subject.compute_digest()
        Subject.objects.bulk_create([subject], ignore_conflicts=True)
        row = Subject.objects.filter(**parts).values_list("id", "digest").get()
    reference = Reference(*row)
    looked_up[naming] = reference
    if naming.user_id:  # An address alone may be erased, and be somebody's again; a user's number never is.
        transaction.on_commit(partial(_remember, naming, reference))
    return reference


@contextmanager
def looked_up_once() -> Iterator[None]:
    """Look each naming up once for all entries that are written together, committed or not."""
    token = _looked_up.set({})
    try:
        yield
    finally:
        _looked_up.reset(token)


def forget() -> None:
    """Empty the cache: between tests."""
    _known.clear()


def _remember(naming: Naming, reference: Reference) -> None:
    if len(_known) >= CACHE_SIZE:
        _known.clear()
    _known[naming] = reference
