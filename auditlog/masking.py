"""What people and programs typed is looked at once more before it becomes an entry, which nobody can take back."""

from dataclasses import replace

from controlcenter.context import Actor, Context, Where
from controlcenter.masking import masked, masked_deep

from .events import Event, Target


def masked_event(event: Event) -> Event:
    """Return the event as it may stand in the log: without what has the form of a credential, wherever that stands."""
    return replace(
        event,
        context=_context(event.context, event.account_id),
        app=(event.app[0], _target(event.app[1])) if event.app else None,
        targets=[_target(target) for target in event.targets],
        changes=masked_deep(event.changes) if event.changes else event.changes,
        sentence=masked(event.sentence),
        failure=masked(event.failure),
    )


def _target(target: Target) -> Target:
    """Return a target with its name masked. Its id is what others find it by; only a filter's is text of a person."""
    name = masked(target.name)
    public_id = masked(target.id) if target.type == "filter" else target.id
    return target if (name, public_id) == (target.name, target.id) else target._replace(name=name, id=public_id)


def _context(context: Context, account_id: int) -> Context:
    actor, where = _actor(context.actor), _where(context.where)
    reason = masked(context.reason) if context.only_for in (None, account_id) else ""
    if actor is context.actor and where is context.where and reason == context.reason:
        return context
    return replace(context, actor=actor, where=where, reason=reason)


def _actor(actor: Actor) -> Actor:
    name = masked(actor.token_name)
    return actor if name == actor.token_name else replace(actor, token_name=name)


def _where(where: Where) -> Where:
    told = (where.forwarded_for, where.user_agent, where.path)
    clean = (masked(where.forwarded_for), masked(where.user_agent), masked(where.path))
    if clean == told:
        return where
    return replace(where, forwarded_for=clean[0], user_agent=clean[1], path=clean[2])
