"""Who may do what in the database: the one table of it. What stands nowhere in here, nobody may.

Letters as PostgreSQL has them: r reads, a adds, w writes over, d deletes. The owner, who runs migrate, may do anything;
nothing else should run as the owner.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from django.apps import apps

PRIVILEGES = {"r": "SELECT", "a": "INSERT", "w": "UPDATE", "d": "DELETE"}


class Part(StrEnum):
    """What runs beside the owner, each under a role of its own."""

    APP = "app"
    SEALER = "sealer"
    REAPER = "reaper"

    @property
    def default_name(self) -> str:
        """What its role is called unless somebody chooses."""
        return f"controlcenter_{self.value}"


@dataclass(frozen=True, slots=True)
class Rights:
    """What the three parts may do with one table."""

    app: str = ""
    sealer: str = ""
    reaper: str = ""


DOMAIN = Rights(app="rawd")
"""Tables of accounts and resources, sessions, the admin's own log: the servers' business."""

# fmt: off
TABLES = {
    #                                 servers        seal_log        reap_log
    #                                                roll_up_log
    "auditlog_entry":          Rights("ra",          "r",            "ra"),
    "auditlog_subject":        Rights("ra",          "r",            "r"),
    "auditlog_seal":           Rights("r",           "ra",           "r"),
    "auditlog_block":          Rights("r",           "ra",           "r"),
    "auditlog_sealingkey":     Rights("r",           "ra",           "ra"),
    "auditlog_certificate":    Rights("r",           "r",            "ra"),
    "auditlog_anchor":         Rights("r",           "raw",          ""),  # w: who makes one locks the last one
    "auditlog_delivery":       Rights("r",           "rawd",         ""),
    "auditlog_sealerstate":    Rights("r",           "rawd",         ""),
    "auditlog_stall":          Rights("r",           "rawd",         ""),
    "auditlog_verification":   Rights("r",           "rawd",         ""),
    "auditlog_hour":           Rights("r",           "rawd",         ""),
    "auditlog_hours_rolled":   Rights("r",           "raw",          ""),
    "auditlog_text_chunk":     Rights("r",           "rad",          ""),
    "auditlog_savedview":      DOMAIN,
    "auditlog_displaypreference": DOMAIN,
    "auditlog_supportaccess":  Rights("raw"),
    "accounts_account":        Rights("rawd",        "r",            "r"),
    "accounts_plan":           Rights("rawd",        "r",            "r"),
    "accounts_member":         Rights("rawd",        "r",            ""),
    "accounts_user":           Rights("rawd",        "r",            ""),
    "auth_permission":         Rights("r"),  # made by migrate, not used
    "auth_group":              Rights("r"),
    "auth_group_permissions":  Rights("r"),
    "django_content_type":     Rights("r"),
    "django_migrations":       Rights("r",           "r",            "r"),
}

FUNCTIONS = {
    # What is denied to everybody else: most are run with the owner's rights, and look at every condition themselves.
    "auditlog_observe":        Rights("x",           "",             ""),
    "auditlog_unattributed":   Rights(),  # Triggers run these, as the owner.
    "auditlog_note_gone":      Rights(),
    "auditlog_place":          Rights(),
    "auditlog_waiting":        Rights("x",           "x",            ""),
    "auditlog_has_strays":     Rights("x",           "x",            "x"),
    "auditlog_deletions":      Rights("x",           "",             ""),
    "auditlog_erase":          Rights("x",           "",             ""),
    "auditlog_raise_alarm":    Rights("x",           "",             ""),
    "auditlog_drop_month":     Rights("",            "",             "x"),
    "auditlog_month_is_free":  Rights("",            "",             "x"),
}

FENCED = {
    # Tables with row-level security: who reads one account at a time, and who reads them all.
    "auditlog_entry":          ("app", ("sealer", "reaper")),
    "auditlog_seal":           ("app", ("sealer", "reaper")),
    "auditlog_block":          ("app", ("sealer", "reaper")),
    "auditlog_hour":           ("app", ("sealer",)),
    "auditlog_text_chunk":     ("app", ("sealer",)),
}
# fmt: on

LEAKPROOF = ("jsonb_contains(jsonb,jsonb)", "network_subeq(inet,inet)")
"""Operators that the log is searched with by index. They tell nothing of other rows; PostgreSQL has to be told."""


def tables() -> Iterator[tuple[str, Rights]]:
    """Yield every table, and what may be done with it.

    Raises:
        LookupError: for a table of the log that has no row above: nobody has said yet who may write it.
    """
    models = apps.get_models(include_auto_created=True)
    yield from TABLES.items()
    for model in models:
        table = model._meta.db_table
        if table in TABLES or not model._meta.managed or model._meta.proxy:
            continue
        if model._meta.app_label == "auditlog":
            raise LookupError(
                f"{table} is not in TABLES of auditlog/fence/rights.py: say there who may do what with it."
            )
        yield table, DOMAIN
