"""The rows that every installation starts with: the four plans and the account of the platform itself."""

from .models import Account, Plan

#              slug            name            log    days  rank
STANDARD = (
    ("community", "Community", False, 30, 1),
    ("essential", "Essential", False, 90, 2),
    ("professional", "Professional", True, 180, 3),
    ("enterprise", "Enterprise", True, 730, 4),
)


def make_standard_plans() -> None:
    """Create the standard plans that do not exist yet; an edited plan stays as it was edited."""
    present = set(Plan.objects.values_list("slug", flat=True))
    for slug, name, audit_log, retention_days, rank in STANDARD:
        if slug not in present:
            Plan.objects.create(slug=slug, name=name, audit_log=audit_log, retention_days=retention_days, rank=rank)


def make_platform() -> None:
    """Create the account that entries belong to when no customer's account is concerned."""
    if not Account.objects.filter(pk=Account.PLATFORM_ID).exists():
        Account.objects.create(
            pk=Account.PLATFORM_ID,
            slug="platform",
            name="Platform",
            kind=Account.Kind.PLATFORM,
            plan=Plan.objects.order_by("-rank")[0],
        )
