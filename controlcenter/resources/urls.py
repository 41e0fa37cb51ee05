from collections.abc import Iterator

from django.urls import URLPattern, path

from controlcenter.operations import Operation

from .views import apps, collaborators, compute, parts, teams, versions
from .views.kinds import KINDS, MODEL, Kind

ACCOUNT = "@<slug:account_slug>/"
APP = f"{ACCOUNT}apps/<slug:app_slug>/"
COLLABORATOR = f"{APP}collaborators/<slug:user_slug>/"
TEAM = f"{ACCOUNT}teams/<slug:team_slug>/"
CLUSTER = f"{ACCOUNT}compute/<slug:cluster_slug>/"
NODEPOOL = f"{CLUSTER}nodepools/<slug:nodepool_slug>/"
DEPLOYMENT = f"{NODEPOOL}deployments/<slug:deployment_slug>/"


def of_kind(kind: Kind) -> Iterator[URLPattern]:
    """Yield the pages of models, workflows or modules. No id can be the same as a fixed part beside it."""
    part = f"{APP}{kind.plural}/<slug:slug>/"
    version = f"{part}versions/<slug:version_slug>/"
    pages = [
        (APP if kind is MODEL else f"{APP}{kind.plural}/", kind.tab, parts.parts, None),
        (f"{APP}new-{kind.name}/", f"{kind.name}-create", parts.part_create, kind.create),
        (part, kind.name, parts.part, None),
        (f"{part}edit/", f"{kind.name}-edit", parts.part_edit, kind.update),
        (f"{part}delete/", f"{kind.name}-delete", parts.part_delete, kind.delete),
        (f"{part}new-version/", f"{kind.name}-version-create", versions.version_create, kind.version_create),
        (version, f"{kind.name}-version", versions.version, None),
        (f"{version}edit/", f"{kind.name}-version-edit", versions.version_edit, kind.version_update),
        (f"{version}delete/", f"{kind.name}-version-delete", versions.version_delete, kind.version_delete),
    ]
    if kind.trains:
        pages += [
            (f"{part}train/", "model-train", versions.version_train, Operation.MODEL_VERSION_TRAIN),
            (f"{version}report/", "model-version-report", versions.version_report, kind.version_update),
        ]
    if kind.publish:
        pages += [
            (f"{version}publish/", f"{kind.name}-version-publish", versions.version_publish, kind.publish),
            (f"{version}unpublish/", f"{kind.name}-version-unpublish", versions.version_unpublish, kind.unpublish),
        ]
    for address, name, page, operation in pages:
        yield path(address, parts.page_of(kind, page, operation), name=name)


urlpatterns = [
    path("@<slug:account_slug>/apps/", apps.apps, name="apps"),
    path("@<slug:account_slug>/new-app/", apps.app_create, name="app-create"),
    path(f"{APP}settings/", apps.app_edit, name="app-edit"),
    path(f"{APP}duplicate/", apps.app_duplicate, name="app-duplicate"),
    path(f"{APP}transfer/", apps.app_transfer, name="app-transfer"),
    path(f"{APP}delete/", apps.app_delete, name="app-delete"),
    *(page for kind in KINDS for page in of_kind(kind)),
    path(f"{APP}collaborators/", collaborators.collaborators, name="collaborators"),
    path(f"{APP}new-collaborator/", collaborators.collaborator_add, name="collaborator-add"),
    path(f"{COLLABORATOR}edit/", collaborators.collaborator_edit, name="collaborator-edit"),
    path(f"{COLLABORATOR}remove/", collaborators.collaborator_remove, name="collaborator-remove"),
    path(f"{ACCOUNT}teams/", teams.teams, name="teams"),
    path(f"{ACCOUNT}new-team/", teams.team_create, name="team-create"),
    path(TEAM, teams.team, name="team"),
    path(f"{TEAM}settings/", teams.team_edit, name="team-edit"),
    path(f"{TEAM}delete/", teams.team_delete, name="team-delete"),
    path(f"{TEAM}add-members/", teams.team_members_add, name="team-members-add"),
    path(f"{TEAM}members/<slug:user_slug>/remove/", teams.team_member_remove, name="team-member-remove"),
    path(f"{TEAM}add-apps/", teams.team_apps_add, name="team-apps-add"),
    path(f"{TEAM}apps/<slug:app_slug>/edit/", teams.team_app_edit, name="team-app-edit"),
    path(f"{TEAM}apps/<slug:app_slug>/remove/", teams.team_app_remove, name="team-app-remove"),
    path(f"{ACCOUNT}compute/", compute.compute, name="compute"),
    path(f"{ACCOUNT}new-cluster/", compute.cluster_create, name="cluster-create"),
    path(CLUSTER, compute.cluster, name="cluster"),
    path(f"{CLUSTER}edit/", compute.cluster_edit, name="cluster-edit"),
    path(f"{CLUSTER}delete/", compute.cluster_delete, name="cluster-delete"),
    path(f"{CLUSTER}new-nodepool/", compute.nodepool_create, name="nodepool-create"),
    path(NODEPOOL, compute.nodepool, name="nodepool"),
    path(f"{NODEPOOL}edit/", compute.nodepool_edit, name="nodepool-edit"),
    path(f"{NODEPOOL}delete/", compute.nodepool_delete, name="nodepool-delete"),
    path(f"{NODEPOOL}new-deployment/", compute.deployment_create, name="deployment-create"),
    path(DEPLOYMENT, compute.deployment, name="deployment"),
    path(f"{DEPLOYMENT}edit/", compute.deployment_edit, name="deployment-edit"),
    path(f"{DEPLOYMENT}delete/", compute.deployment_delete, name="deployment-delete"),
]
