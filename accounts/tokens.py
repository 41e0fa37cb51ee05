"""Personal access tokens at work: what they may do, whom a request's token speaks for, and how often it may ask."""

from dataclasses import dataclass

from django.conf import settings
from django.db import connection, models
from django.utils import timezone

from .models import Token, digest_of

SCHEMES = ("key", "bearer")

# Two requests at once are counted one after the other: the second waits for the row. A clock behind ours adds to the
# minute that has begun instead of beginning an old one anew.
COUNT_REQUEST = """
INSERT INTO accounts_tokenminute AS spent (token_id, minute, requests) VALUES (%s, %s, 1)
ON CONFLICT (token_id) DO UPDATE SET
    requests = CASE WHEN spent.minute < excluded.minute THEN 1 ELSE spent.requests + 1 END,
    minute = GREATEST(spent.minute, excluded.minute)
RETURNING requests
"""


class TokenScope(models.TextChoices):
    """What a token may be used for, within what its user may do anyway."""

    AUDIT_LOG_READ = "audit_log:read", "Search and follow the audit log"
    APPS_READ = "apps:read", "See apps"
    APPS_WRITE = "apps:write", "Create, edit, duplicate and delete apps"
    MODELS_READ = "models:read", "See models and their versions"
    MODELS_WRITE = "models:write", "Create, edit, publish and delete models and their versions"
    MODELS_TRAIN = "models:train", "Train model versions and report how training ended"
    WORKFLOWS_READ = "workflows:read", "See workflows and their versions"
    WORKFLOWS_WRITE = "workflows:write", "Create, edit, publish and delete workflows and their versions"
    MODULES_READ = "modules:read", "See modules and their versions"
    MODULES_WRITE = "modules:write", "Create, edit and delete modules and their versions"
    COLLABORATORS_READ = "collaborators:read", "See who collaborates on apps"
    COLLABORATORS_WRITE = "collaborators:write", "Add, change and remove collaborators"
    COMPUTE_READ = "compute:read", "See compute clusters, nodepools and deployments"
    COMPUTE_WRITE = "compute:write", "Create, edit and delete compute clusters, nodepools and deployments"
    MEMBERS_READ = "members:read", "See members and invitations"
    MEMBERS_WRITE = "members:write", "Invite, change and remove members"
    TEAMS_READ = "teams:read", "See teams"
    TEAMS_WRITE = "teams:write", "Create, edit and delete teams, their members and apps"
    ORGANIZATIONS_WRITE = "organizations:write", "Create, edit and delete organizations and change their plans"


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a token has left of the present minute."""

    limit: int
    spent: int
    seconds_left: int

    @property
    def exceeded(self) -> bool:
        """Whether the token has asked too often."""
        return self.spent > self.limit

    @property
    def just_exceeded(self) -> bool:
        """Whether this is the first request of the minute that is too many."""
        return self.spent == self.limit + 1

    @property
    def headers(self) -> dict[str, str]:
        """The headers that tell a client how fast it may go on."""
        return {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(max(self.limit - self.spent, 0)),
            "RateLimit-Reset": str(self.seconds_left),
        }


def token_in(authorization: str) -> Token | None:
    """Return the token of an Authorization header, usable or not, with its user and account; None for no known one."""
    scheme, _, secret = authorization.strip().partition(" ")
    if scheme.lower() not in SCHEMES:
        return None
    found = Token.objects.select_related("user", "account__plan").filter(digest=digest_of(secret.strip()))
    return found.first()


def count_request(token: Token) -> Allowance:
    """Count a request of the token in one statement, and return what the minute has left.

    The first request of a minute also notes when the token was last used.
    """
    now = timezone.now()
    minute, second = divmod(int(now.timestamp()), 60)
    with connection.cursor() as cursor:
        cursor.execute(COUNT_REQUEST, [token.pk, minute])
        [spent] = cursor.fetchone()
    if spent == 1:  # Bookkeeping, no operation of anybody's: past the recording update().
        models.QuerySet.update(Token.objects.filter(pk=token.pk), last_used_at=now)
    return Allowance(settings.API_REQUESTS_PER_MINUTE, spent, 60 - second)
