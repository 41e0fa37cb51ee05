"""Two customers who have one of everything: ids that can be guessed, and names that nobody else may ever read."""

from dataclasses import dataclass

from accounts.models import Account, Invitation, User
from accounts.roles import Role
from controlcenter.resources.models import App, ModelVersion
from tests.factories import (
    AccountFactory,
    AppFactory,
    CollaboratorFactory,
    ComputeClusterFactory,
    DeploymentFactory,
    InvitationFactory,
    MemberFactory,
    ModelFactory,
    ModelVersionFactory,
    ModuleFactory,
    ModuleVersionFactory,
    NodepoolFactory,
    TeamAppFactory,
    TeamFactory,
    TeamMemberFactory,
    UserFactory,
    WorkflowFactory,
    WorkflowVersionFactory,
)

from .calling import token_for


@dataclass(frozen=True, repr=False)
class Tenant:
    """A customer's organization, and who calls the API for it."""

    slug: str
    canary: str
    """Stands in each name, description and address of theirs, in no id and in nothing that they send."""
    owner: User
    account: Account
    invitation: Invitation
    secret: str

    def id_of(self, parameter: str) -> str:
        """Return the id of theirs that a parameter of a path asks for: ``alpha-app`` for ``app_id``."""
        if parameter == "plan_id":  # Plans belong to everybody.
            return "enterprise"
        if parameter == "invitation_id":
            return str(self.invitation.pk)
        kind = {"collaborator_id": "guest"}.get(parameter, parameter.removesuffix("_id"))
        return f"{self.slug}-{kind.replace('_', '-')}"

    @property
    def headers(self) -> dict[str, str]:
        """What they send along with each call."""
        return {"Authorization": f"Key {self.secret}", "Accept-Encoding": "identity"}

    def __repr__(self) -> str:
        return self.slug


def make_tenant(slug: str) -> Tenant:
    """Create a customer with one of everything, and a token that may do all of it."""
    canary = f"Canary{slug.title()}"
    named = {"name": canary, "description": f"About {canary}"}
    account = AccountFactory(slug=f"{slug}-account", name=canary)
    owner = UserFactory(slug=f"{slug}-owner", home=account)  # Stands, by design, in logs where they tried something.
    MemberFactory(account=account, user=owner, role=Role.ADMINISTRATOR)
    person = UserFactory(
        slug=f"{slug}-user", email=f"{canary}@person.example", first_name=canary, last_name=canary, home=account
    )
    member = MemberFactory(account=account, user=person)
    app = AppFactory(account=account, slug=f"{slug}-app", **named)
    team = TeamFactory(account=account, slug=f"{slug}-team", **named)
    TeamMemberFactory(team=team, member=member)
    TeamAppFactory(team=team, app=app)
    CollaboratorFactory(app=app, user__slug=f"{slug}-guest")  # From outside: the other one may invite them, too.
    invitation = InvitationFactory(account=account, email=f"{canary}@invited.example", invited_by=owner)
    version = _make_parts(app, slug, named)
    cluster = ComputeClusterFactory(account=account, slug=f"{slug}-compute-cluster", name=canary)
    nodepool = NodepoolFactory(cluster=cluster, slug=f"{slug}-nodepool")
    DeploymentFactory(nodepool=nodepool, model_version=version, slug=f"{slug}-deployment")
    return Tenant(slug, canary, owner, account, invitation, token_for(owner, account))


def _make_parts(app: App, slug: str, named: dict[str, str]) -> ModelVersion:
    """Fill an app with one of each part, and return the model version."""
    version = {"slug": f"{slug}-version", "description": named["description"]}
    WorkflowVersionFactory(workflow=WorkflowFactory(app=app, slug=f"{slug}-workflow", **named), **version)
    ModuleVersionFactory(module=ModuleFactory(app=app, slug=f"{slug}-module", **named), **version)
    model = ModelFactory(app=app, slug=f"{slug}-model", **named)
    made: ModelVersion = ModelVersionFactory(model=model, state=ModelVersion.State.TRAINED, **version)
    return made
