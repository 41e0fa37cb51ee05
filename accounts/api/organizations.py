"""Organizations through the API: create, get, patch, change the plan, delete."""

from django.db.models import QuerySet
from ninja import Router
from pydantic import BaseModel

from accounts.access import require
from accounts.models import Account, Member, Plan
from accounts.roles import Permission, Reach
from accounts.tokens import TokenScope
from controlcenter.api import does
from controlcenter.batches import changing, checked, creating, saved
from controlcenter.calls import Call
from controlcenter.operations import Operation as Op
from controlcenter.problems import Problem
from controlcenter.wire import ACTION, AccountId, Action, Answer, Message, Timestamp, about

router = Router(tags=["Organizations"])

ORGANIZATIONS = "/organizations"
ORGANIZATION = f"{ORGANIZATIONS}/{{account_id}}"


class OrganizationMessage(Message):
    """An organization, or a person's own account."""

    columns = {"id": "slug", "name": "name"}

    id: str | None = about("Its id, which stays. Lower-case letters, digits and hyphens.", "acme-labs")
    name: str | None = about("What people call it. A new one that comes without is called by its id.", "Acme Labs")
    plan_id: str | None = about("Its plan; read-only, and only for roles that see plan and billing.", "enterprise")
    created_at: Timestamp | None = about("When it was created; read-only.", "2026-11-02T09:30:00.000000Z")

    @classmethod
    def of(cls, account: Account, member: Member) -> "OrganizationMessage":
        """Return an account as the wire has it for a member."""
        sees_plan = member.reach(Permission.SEE_PLAN) is not Reach.NONE
        plan_id = account.plan.slug if sees_plan else None
        return cls(id=account.slug, name=account.name, plan_id=plan_id, created_at=account.created_at)


EXAMPLE = {"id": "acme-labs", "name": "Acme Labs"}


class PostOrganizations(BaseModel):
    """Organizations to create."""

    organizations: list[OrganizationMessage] = about("The new organizations.", [EXAMPLE], ...)


class PatchOrganization(BaseModel):
    """What to change in an organization."""

    organization: OrganizationMessage = about("What is to change; its id may be left out.", {"name": "Acme 2"}, ...)
    action: Action = ACTION


class PlanMessage(Message):
    """A plan."""

    id: str = about("Its id.", "enterprise", ...)


class PatchOrganizationPlan(BaseModel):
    """The plan to change to."""

    plan: PlanMessage = about("The new plan.", {"id": "enterprise"}, ...)


class OrganizationAnswer(Answer):
    """One organization."""

    organization: OrganizationMessage = about("The organization.", EXAMPLE, ...)


class OrganizationsAnswer(Answer):
    """Several organizations."""

    organizations: list[OrganizationMessage] = about("The organizations.", [EXAMPLE], ...)


@router.get(ORGANIZATION, **does(TokenScope.ORGANIZATIONS_WRITE, TokenScope.MEMBERS_READ, answers=OrganizationAnswer))
def get_organization(request: Call, account_id: AccountId) -> OrganizationAnswer:
    """Return the organization of the token."""
    return OrganizationAnswer(organization=OrganizationMessage.of(request.auth.account, request.auth))


@router.post(
    ORGANIZATIONS,
    **does(
        TokenScope.ORGANIZATIONS_WRITE,
        answers=OrganizationsAnswer,
        attempts=Op.ORGANIZATION_CREATE,
        each="organizations",
    ),
)
def post_organizations(request: Call, body: PostOrganizations) -> OrganizationsAnswer:
    """Create organizations on the smallest plan, all of them or none; whose token it is administers them.

    The token remains one for its own account: issue others for the new organizations. What is refused stands in the
    log of the token's account.
    """
    member, ids = request.auth, [message.id for message in body.organizations]
    with creating(member, Op.ORGANIZATION_CREATE, ids, Account.objects.all()):
        made = [_found(member, message, number) for number, message in enumerate(body.organizations)]
    return OrganizationsAnswer(
        organizations=[OrganizationMessage.of(account, account.members.get()) for account in made]
    )


def _found(member: Member, message: OrganizationMessage, number: int) -> Account:
    slug = message.id or ""
    name = slug if message.name is None else message.name
    checked(Account(slug=slug, name=name), f"organizations[{number}]", {"slug": "id"})
    return Account.found(member.user, name, slug)


@router.patch(
    ORGANIZATION,
    **does(TokenScope.ORGANIZATIONS_WRITE, answers=OrganizationAnswer, attempts=Op.ORGANIZATION_UPDATE),
)
def patch_organization(request: Call, account_id: AccountId, body: PatchOrganization) -> OrganizationAnswer:
    """Rename the organization of the token."""
    member, message = request.auth, body.organization
    with changing(member, Op.ORGANIZATION_UPDATE, [member.account.slug], _own(member)) as [account]:
        require(member, Permission.MANAGE_ACCOUNT)
        if message.id not in (None, account.slug):
            raise Problem("invalid", f"organization.id is {message.id!r:.80}: leave it out, an id stays as it is.")
        saved(account, message, "organization")
    return OrganizationAnswer(organization=OrganizationMessage.of(account, member))


@router.patch(
    f"{ORGANIZATION}/plan",
    **does(TokenScope.ORGANIZATIONS_WRITE, answers=OrganizationAnswer, attempts=Op.ORGANIZATION_PLAN_CHANGE),
)
def patch_organization_plan(request: Call, account_id: AccountId, body: PatchOrganizationPlan) -> OrganizationAnswer:
    """Change the plan of the token's organization, from now on."""
    member = request.auth
    with changing(member, Op.ORGANIZATION_PLAN_CHANGE, [member.account.slug], _own(member)) as [account]:
        require(member, Permission.MANAGE_ACCOUNT)
        account.plan = _plan(body.plan.id)
        account.save(update_fields=["plan"])
    return OrganizationAnswer(organization=OrganizationMessage.of(account, member))


def _plan(slug: str) -> Plan:
    plans = {plan.slug: plan for plan in Plan.objects.all()}
    if slug not in plans:
        raise Problem("not_found", f"There is no plan {slug!r:.80}: choose from {', '.join(plans)}.")
    return plans[slug]


@router.delete(ORGANIZATION, **does(TokenScope.ORGANIZATIONS_WRITE, answers=Answer, attempts=Op.ORGANIZATION_DELETE))
def delete_organization(request: Call, account_id: AccountId) -> Answer:
    """Delete the token's organization with all that is in it, the token too. Its log is kept, for support staff."""
    member = request.auth
    with changing(member, Op.ORGANIZATION_DELETE, [member.account.slug], _own(member)) as [account]:
        require(member, Permission.MANAGE_ACCOUNT)
        account.dissolve()
    return Answer()


def _own(member: Member) -> QuerySet[Account]:
    return Account.objects.filter(pk=member.account_id)
