"""What people and programs typed is looked at once more before it becomes an entry, which nobody can take back."""

from dataclasses import replace

from controlcenter.context import Actor, Context, Where
from controlcenter.masking import masked

from .events import Target


def masked_target(target: Target) -> Target:
    """Return a target with its name masked. Its id is what others find it by; only a filter's is text of a person."""
    name = masked(target.name)
    public_id = masked(target.id) if target.type == "filter" else target.id
    return target if (name, public_id) == (target.name, target.id) else target._replace(name=name, id=public_id)


def masked_context(context: Context, account_id: int) -> Context:
    """Return a context as it may stand in the log of an account."""
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
