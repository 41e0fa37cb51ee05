"""Makers of rows for tests: every tracked model has one, and three people have names."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import factory
from django.db.models import Model as DjangoModel
from factory.django import DjangoModelFactory, Password

from accounts.models import Account, Invitation, Member, Plan, SecondFactor, Team, TeamMember, Token, User
from accounts.roles import Role
from accounts.second_factor import seal
from auditlog.saved_views import SavedView
from controlcenter.resources.models import (
    App,
    Collaborator,
    ComputeCluster,
    Deployment,
    Model,
    ModelVersion,
    Module,
    ModuleVersion,
    Nodepool,
    Scope,
    TeamApp,
    Workflow,
    WorkflowVersion,
)

from . import PASSWORD

TOTP_SECRET = b"12345678901234567890"
"""That of the examples of RFC 6238."""
FAR_FUTURE = datetime(2100, 1, 1, tzinfo=UTC)


class PlanFactory(DjangoModelFactory[Plan]):
    class Meta:
        model = Plan

    slug = factory.Sequence("plan-{}".format)
    name = factory.Sequence("Plan {}".format)
    audit_log = True
    retention_days = 180


class AccountFactory(DjangoModelFactory[Account]):
    class Meta:
        model = Account

    slug = factory.Sequence("organization-{}".format)
    name = factory.Sequence("Organization {}".format)
    plan = factory.LazyFunction(lambda: Plan.objects.get(slug="enterprise"))


class UserFactory(DjangoModelFactory[User]):
    class Meta:
        model = User
        skip_postgeneration_save = True

    slug = factory.Sequence("person-{}".format)
    email = factory.LazyAttribute(lambda user: f"{user.slug}@example.com")
    first_name = "Pat"
    last_name = factory.Sequence("Person{}".format)
    password = Password(PASSWORD)
    home = factory.SubFactory(AccountFactory)


class MemberFactory(DjangoModelFactory[Member]):
    class Meta:
        model = Member

    account = factory.SubFactory(AccountFactory)
    user = factory.SubFactory(UserFactory, home=factory.SelfAttribute("..account"))
    role = Role.ORGANIZATION_CONTRIBUTOR


class InvitationFactory(DjangoModelFactory[Invitation]):
    class Meta:
        model = Invitation

    account = factory.SubFactory(AccountFactory)
    email = factory.Sequence("guest-{}@example.com".format)
    role = Role.ORGANIZATION_USER
    expires_at = FAR_FUTURE


class TeamFactory(DjangoModelFactory[Team]):
    class Meta:
        model = Team

    account = factory.SubFactory(AccountFactory)
    slug = factory.Sequence("team-{}".format)
    name = factory.Sequence("Team {}".format)


class TeamMemberFactory(DjangoModelFactory[TeamMember]):
    class Meta:
        model = TeamMember

    team = factory.SubFactory(TeamFactory)
    member = factory.SubFactory(MemberFactory, account=factory.SelfAttribute("..team.account"))


class TokenFactory(DjangoModelFactory[Token]):
    class Meta:
        model = Token

    account = factory.SubFactory(AccountFactory)
    user = factory.SubFactory(UserFactory, home=factory.SelfAttribute("..account"))
    slug = factory.Sequence("token-{}".format)
    name = factory.Sequence("Token {}".format)
    digest = factory.Sequence("{:064x}".format)
    scopes = ["apps:read"]


class SecondFactorFactory(DjangoModelFactory[SecondFactor]):
    class Meta:
        model = SecondFactor

    user = factory.SubFactory(UserFactory)
    secret = factory.LazyFunction(lambda: seal(TOTP_SECRET))


class AppFactory(DjangoModelFactory[App]):
    class Meta:
        model = App

    account = factory.SubFactory(AccountFactory)
    slug = factory.Sequence("app-{}".format)
    name = factory.Sequence("App {}".format)


class TeamAppFactory(DjangoModelFactory[TeamApp]):
    class Meta:
        model = TeamApp

    team = factory.SubFactory(TeamFactory)
    app = factory.SubFactory(AppFactory, account=factory.SelfAttribute("..team.account"))


class CollaboratorFactory(DjangoModelFactory[Collaborator]):
    class Meta:
        model = Collaborator

    app = factory.SubFactory(AppFactory)
    user = factory.SubFactory(UserFactory)
    scopes = [Scope.APPS_READ]


class ModelFactory(DjangoModelFactory[Model]):
    class Meta:
        model = Model

    app = factory.SubFactory(AppFactory)
    slug = factory.Sequence("model-{}".format)
    name = factory.Sequence("Model {}".format)


class ModelVersionFactory(DjangoModelFactory[ModelVersion]):
    class Meta:
        model = ModelVersion

    model = factory.SubFactory(ModelFactory)


class WorkflowFactory(DjangoModelFactory[Workflow]):
    class Meta:
        model = Workflow

    app = factory.SubFactory(AppFactory)
    slug = factory.Sequence("workflow-{}".format)
    name = factory.Sequence("Workflow {}".format)


class WorkflowVersionFactory(DjangoModelFactory[WorkflowVersion]):
    class Meta:
        model = WorkflowVersion

    workflow = factory.SubFactory(WorkflowFactory)


class ModuleFactory(DjangoModelFactory[Module]):
    class Meta:
        model = Module

    app = factory.SubFactory(AppFactory)
    slug = factory.Sequence("module-{}".format)
    name = factory.Sequence("Module {}".format)


class ModuleVersionFactory(DjangoModelFactory[ModuleVersion]):
    class Meta:
        model = ModuleVersion

    module = factory.SubFactory(ModuleFactory)


class ComputeClusterFactory(DjangoModelFactory[ComputeCluster]):
    class Meta:
        model = ComputeCluster

    account = factory.SubFactory(AccountFactory)
    slug = factory.Sequence("cluster-{}".format)
    name = factory.Sequence("Cluster {}".format)
    provider = "aws"
    region = "eu-central-1"


class NodepoolFactory(DjangoModelFactory[Nodepool]):
    class Meta:
        model = Nodepool

    cluster = factory.SubFactory(ComputeClusterFactory)
    slug = factory.Sequence("nodepool-{}".format)
    instance_type = "g5.xlarge"


class DeploymentFactory(DjangoModelFactory[Deployment]):
    class Meta:
        model = Deployment

    nodepool = factory.SubFactory(NodepoolFactory)
    model_version = factory.SubFactory(
        ModelVersionFactory, model__app__account=factory.SelfAttribute("....nodepool.cluster.account")
    )
    slug = factory.Sequence("deployment-{}".format)


class SavedViewFactory(DjangoModelFactory[SavedView]):
    class Meta:
        model = SavedView

    account = factory.SubFactory(AccountFactory)
    name = factory.Sequence("View {}".format)
    query = "status=failure"


FACTORIES: dict[type[DjangoModel], Any] = {
    maker._meta.model: maker for maker in DjangoModelFactory.__subclasses__() if maker.__module__ == __name__
}


@dataclass(frozen=True)
class People:
    """Olga owns acme, Max is a member of it, Sam belongs elsewhere."""

    acme: Account
    owner: User
    member: User
    stranger: User


def make_people() -> People:
    """Create acme with its owner and a member, and a stranger who owns an organization of their own."""
    acme = AccountFactory(slug="acme", name="Acme")
    owner = UserFactory(slug="olga", email="olga@acme.example", first_name="Olga", last_name="Owner", home=acme)
    member = UserFactory(slug="max", email="max@acme.example", first_name="Max", last_name="Member", home=acme)
    stranger = UserFactory(slug="sam", email="sam@globex.example", first_name="Sam", last_name="Stranger")
    MemberFactory(account=acme, user=owner, role=Role.ADMINISTRATOR)
    MemberFactory(account=acme, user=member, role=Role.ORGANIZATION_CONTRIBUTOR)
    MemberFactory(account=stranger.home, user=stranger, role=Role.ADMINISTRATOR)
    return People(acme, owner, member, stranger)
