"""How many of something there are, on pages."""

from django import template

from controlcenter.resources.models import COUNTED

register = template.Library()


@register.filter
def capped(count: int) -> str:
    """Return a count as a person reads it: "100+" for one that was not counted to its end."""
    return f"{COUNTED - 1}+" if count >= COUNTED else str(count)
