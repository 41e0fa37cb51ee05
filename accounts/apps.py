from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class AccountsConfig(AppConfig):
    name = "accounts"

    def ready(self) -> None:
        post_migrate.connect(_make_standard_rows, sender=self, dispatch_uid="accounts.standard_rows")


def _make_standard_rows(**_: Any) -> None:
    from .plans import make_platform, make_standard_plans

    make_standard_plans()
    make_platform()
