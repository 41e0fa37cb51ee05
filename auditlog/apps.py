from typing import Any

from django.apps import AppConfig
from django.db.backends.signals import connection_created
from django.db.models import OuterRef, Subquery
from django.db.models.signals import post_migrate


class AuditLogConfig(AppConfig):
    name = "auditlog"
    verbose_name = "Audit log"

    def ready(self) -> None:
        from accounts.backends import MembershipBackend
        from controlcenter import fence

        from . import checks, receivers  # noqa: F401  (registers the checks)
        from .support import notice_for

        receivers.connect()
        MembershipBackend.along += ("user__display",)
        MembershipBackend.annotated["support_notice"] = Subquery(notice_for(OuterRef("account_id")))
        post_migrate.connect(_make_partitions, sender=self, dispatch_uid="auditlog.partitions")
        post_migrate.connect(_watch_tracked_tables, sender=self, dispatch_uid="auditlog.fence")
        connection_created.connect(fence.watch, dispatch_uid="controlcenter.fence")


def _make_partitions(**_: Any) -> None:
    from .partitions import make_partitions

    make_partitions()


def _watch_tracked_tables(**_: Any) -> None:
    from .fence.triggers import install

    install()
