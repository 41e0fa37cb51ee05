"""Looking at the log is an operation, too: who looked for what stands in it."""

from datetime import UTC, datetime, timedelta

from django.db import transaction
from django.utils import timezone

from accounts.models import Member
from controlcenter.context import NotRecorded, current
from controlcenter.masking import masked
from controlcenter.operations import Operation

from . import unrecorded
from .events import Event, Target
from .models import Entry
from .recorder import record_events
from .sentences import sentence_for

VIEW_ONCE_IN = timedelta(minutes=15)
LONG_AGO = datetime.min.replace(tzinfo=UTC)
MOST_SEEN = 10_000

_seen: dict[tuple[int, str], datetime] = {}
"""When this process last knew of a look's entry, so as not to ask for it each time: it is there, or was written."""


def record_view(member: Member, query: str) -> None:
    """Record that somebody looked at the log through a filter: once in a while for each filter."""
    now, query = current().at or timezone.now(), masked(query)  # as the entry has it
    if not query or now - _seen.get((member.pk, query), LONG_AGO) < VIEW_ONCE_IN:
        return
    entries = Entry.objects.for_account(member.account_id).by_actor(member.user_id)
    seen = entries.with_operation(Operation.LOG_VIEW).since(now - VIEW_ONCE_IN).succeeded()
    if (last := seen.with_target("filter", query).newest_first().first()) is not None:
        _remember(member, query, last.time)
        return
    target = Target("filter", query, query)
    sentence = sentence_for(Operation.LOG_VIEW, query)
    event = Event(Operation.LOG_VIEW, member.account_id, now, current(), targets=[target], sentence=sentence)
    try:
        with transaction.atomic():
            record_events([event])
        _remember(member, query, now)
    except NotRecorded:  # Nothing was changed, and reading keeps working.
        unrecorded.note("entry NOT recorded: %s by user %s", sentence, member.user_id)


def _remember(member: Member, query: str, time: datetime) -> None:
    if len(_seen) >= MOST_SEEN:
        _seen.clear()
    _seen[member.pk, query] = time


def forget() -> None:
    """Empty the memory: between tests."""
    _seen.clear()
