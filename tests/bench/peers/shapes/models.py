"""Two kinds of rows of the shape of our ``App``, with as many others that go with them: one kind is recorded."""

import os
from importlib import import_module
from typing import Any

from django.db import models

PEER = os.environ.get("PEER", "")


class Account(models.Model):  # noqa: DJ008  (nobody reads it)
    """Who has the rows."""

    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=120)


class Row(models.Model):
    """The columns of our ``App``."""

    account: Any = models.ForeignKey(Account, models.CASCADE, related_name="+")
    slug = models.CharField(max_length=64)
    name = models.CharField(max_length=120)
    description = models.CharField(max_length=300, blank=True)
    visibility = models.CharField(max_length=12, default="private")
    duplicated_from = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        abstract = True
        constraints = (models.UniqueConstraint(fields=("account", "slug"), name="%(class)s_slug_once"),)


class Plain(Row):  # noqa: DJ008
    """Nobody records it."""


class App(Row):  # noqa: DJ008
    """The peer records it."""

    if PEER == "django-simple-history":
        history = import_module("simple_history.models").HistoricalRecords()


def _with_parts(owner: type[Row]) -> None:
    """Make five kinds of parts, which are looked for when the owner is deleted."""
    for number in range(5):
        members = {
            "__module__": __name__,
            "owner": models.ForeignKey(owner, models.CASCADE, related_name="+"),
            "name": models.CharField(max_length=120),
        }
        type(f"{owner.__name__}Part{number}", (models.Model,), members)


_with_parts(Plain)
_with_parts(App)

if PEER == "django-auditlog":
    import_module("auditlog.registry").auditlog.register(App)
elif PEER == "django-reversion":
    import_module("reversion").register(App)
elif PEER == "django-pghistory":
    pghistory = import_module("pghistory")
    pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent())(App)
