"""Looking at the log is an operation, too: who looked for what stands in it."""

import logging
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from accounts.models import Member
from controlcenter.context import NotRecorded, current
from controlcenter.operations import Operation

from .events import Event, Target
from .models import Entry
from .recorder import record_events
from .sentences import sentence_for

log = logging.getLogger(__name__)

VIEW_ONCE_IN = timedelta(minutes=15)


def record_view(member: Member, query: str) -> None:
    """Record that somebody looked at the log through a filter: once in a while for each filter."""
    if not query:
        return
    now = current().at or timezone.now()
    entries = Entry.objects.for_account(member.account_id).by_actor(member.user_id)
    seen = entries.with_operation(Operation.LOG_VIEW).since(now - VIEW_ONCE_IN).succeeded()
    if seen.with_target("filter", query).exists():
        return
    target = Target("filter", query, query)
    sentence = sentence_for(Operation.LOG_VIEW, query)
    event = Event(Operation.LOG_VIEW, member.account_id, now, current(), targets=[target], sentence=sentence)
    try:
        with transaction.atomic():
            record_events([event])
    except NotRecorded:  # Nothing was changed, and reading keeps working.
        log.critical("entry NOT recorded: %s by user %s", sentence, member.user_id, exc_info=True)
