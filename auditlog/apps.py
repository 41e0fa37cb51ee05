from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class AuditLogConfig(AppConfig):
    name = "auditlog"
    verbose_name = "Audit log"

    def ready(self) -> None:
        from accounts.backends import MembershipBackend

        from . import checks, receivers  # noqa: F401  (registers the checks)

        receivers.connect()
        MembershipBackend.along += ("user__display",)
        post_migrate.connect(_make_partitions, sender=self, dispatch_uid="auditlog.partitions")


def _make_partitions(**_: Any) -> None:
    from .partitions import make_partitions

    make_partitions()
