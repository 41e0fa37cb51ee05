"""The pages of compute: clusters, the nodepools in each, and the deployments that run there.

A page's address names its thing from the outside in, and so does ``rows``: a cluster, its nodepool, its deployment.
"""

from collections.abc import Iterable
from typing import Any

from django.forms import BaseModelForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import account_page
from accounts.forms.base import ConfirmForm, posted
from accounts.models import Account, Member
from accounts.pages import Crumb, change_page, found, one_or_404
from accounts.roles import Permission, Reach
from controlcenter.operations import Operation
from controlcenter.resources.forms import compute as forms
from controlcenter.resources.models import COUNTED, ComputeCluster, Deployment, Nodepool

from .apps import CHANGES, counted

PAGES = ("compute", "cluster", "nodepool", "deployment")
"""Names of the pages on the way to a deployment; each address has one id more than the one before."""


@account_page()
@require_safe
def compute(request: HttpRequest, member: Member) -> HttpResponse:
    """All compute clusters in the order of their ids, a page at a time."""
    clusters = ComputeCluster.objects.filter(account=member.account).with_counts()
    context = {"account": member.account, "found": found(request, clusters.matching), "may": _may(member)}
    return render(request, "resources/compute.html", context)


# Clusters


@account_page(attempts=Operation.COMPUTE_CLUSTER_CREATE)
@require_http_methods(CHANGES)
def cluster_create(request: HttpRequest, member: Member) -> HttpResponse:
    """Create a compute cluster."""
    form = forms.ClusterForm(posted(request), instance=ComputeCluster(account=member.account))
    return _create(request, member, Operation.COMPUTE_CLUSTER_CREATE, form, [])


@account_page()
@require_safe
def cluster(request: HttpRequest, member: Member, /, **at: str) -> HttpResponse:
    """A cluster and its nodepools."""
    rows = _rows_or_404(request, member, **at)
    return _show(request, member, rows, found=found(request, rows[-1].nodepools.with_counts().matching))


@account_page(attempts=Operation.COMPUTE_CLUSTER_UPDATE)
@require_http_methods(CHANGES)
def cluster_edit(request: HttpRequest, member: Member, /, **at: str) -> HttpResponse:
    """Rename a cluster, or say where it is now."""
    rows = _rows_or_404(request, member, **at)
    return _edit(request, member, Operation.COMPUTE_CLUSTER_UPDATE, forms.ClusterEditForm, rows)


@account_page(attempts=Operation.COMPUTE_CLUSTER_DELETE)
@require_http_methods(CHANGES)
def cluster_delete(request: HttpRequest, member: Member, /, **at: str) -> HttpResponse:
    """Delete a cluster with its nodepools and what runs on them, once its id has been typed."""
    [cluster] = rows = _rows_or_404(request, member, **at)
    deployments = Deployment.objects.filter(nodepool__cluster=cluster)[:COUNTED].count()
    gone = counted(cluster.nodepools_count, "nodepools"), counted(deployments, "deployments")
    return _delete(request, member, Operation.COMPUTE_CLUSTER_DELETE, rows, gone)


# Nodepools


@account_page(attempts=Operation.NODEPOOL_CREATE)
@require_http_methods(CHANGES)
def nodepool_create(request: HttpRequest, member: Member, /, **at: str) -> HttpResponse:
    """Create a nodepool in a cluster."""
    rows = _rows_or_404(request, member, **at)
    form = forms.NodepoolForm(posted(request), instance=Nodepool(cluster=rows[-1]))
    return _create(request, member, Operation.NODEPOOL_CREATE, form, rows)


@account_page()
@require_safe
def nodepool(request: HttpRequest, member: Member, /, **at: str) -> HttpResponse:
    """A nodepool and its deployments."""
    rows = _rows_or_404(request, member, **at)
    return _show(request, member, rows, found=found(request, rows[-1].deployments.with_model().matching))


@account_page(attempts=Operation.NODEPOOL_UPDATE)
@require_http_methods(CHANGES)
def nodepool_edit(request: HttpRequest, member: Member, /, **at: str) -> HttpResponse:
    """Change what machines a nodepool has, and how many."""
    rows = _rows_or_404(request, member, **at)
    return _edit(request, member, Operation.NODEPOOL_UPDATE, forms.NodepoolEditForm, rows)


@account_page(attempts=Operation.NODEPOOL_DELETE)
@require_http_methods(CHANGES)
def nodepool_delete(request: HttpRequest, member: Member, /, **at: str) -> HttpResponse:
    """Delete a nodepool with what runs on it, once its id has been typed."""
    rows = _rows_or_404(request, member, **at)
    gone = counted(rows[-1].deployments_count, "deployments")
    return _delete(request, member, Operation.NODEPOOL_DELETE, rows, [gone])


# Deployments


@account_page(attempts=Operation.DEPLOYMENT_CREATE)
@require_http_methods(CHANGES)
def deployment_create(request: HttpRequest, member: Member, /, **at: str) -> HttpResponse:
    """Deploy a model version on a nodepool."""
    rows = _rows_or_404(request, member, **at)
    form = forms.DeploymentForm(posted(request), instance=Deployment(nodepool=rows[-1]))
    return _create(request, member, Operation.DEPLOYMENT_CREATE, form, rows)


@account_page()
@require_safe
def deployment(request: HttpRequest, member: Member, /, **at: str) -> HttpResponse:
    """A deployment: what runs, where, and how much of it."""
    return _show(request, member, _rows_or_404(request, member, **at))


@account_page(attempts=Operation.DEPLOYMENT_UPDATE)
@require_http_methods(CHANGES)
def deployment_edit(request: HttpRequest, member: Member, /, **at: str) -> HttpResponse:
    """Change what a deployment runs, or how much of it."""
    rows = _rows_or_404(request, member, **at)
    return _edit(request, member, Operation.DEPLOYMENT_UPDATE, forms.DeploymentEditForm, rows)


@account_page(attempts=Operation.DEPLOYMENT_DELETE)
@require_http_methods(CHANGES)
def deployment_delete(request: HttpRequest, member: Member, /, **at: str) -> HttpResponse:
    """Delete a deployment, once its id has been typed. The model version stays."""
    rows = _rows_or_404(request, member, **at)
    return _delete(request, member, Operation.DEPLOYMENT_DELETE, rows, [])


# What they have in common


def _rows_or_404(
    request: HttpRequest, member: Member, cluster_slug: str, nodepool_slug: str = "", deployment_slug: str = ""
) -> list[Any]:
    """Return the cluster that an address names, and the nodepool in it, and the deployment on that."""
    clusters = ComputeCluster.objects.filter(account=member.account).with_counts()
    rows: list[Any] = [one_or_404(request, member, clusters.filter(slug=cluster_slug), cluster_slug)]
    rows[0].account = member.account
    if nodepool_slug:
        nodepools = rows[0].nodepools.with_counts()
        rows.append(one_or_404(request, member, nodepools.filter(slug=nodepool_slug), nodepool_slug))
    if deployment_slug:
        deployments = rows[1].deployments.with_model()
        rows.append(one_or_404(request, member, deployments.filter(slug=deployment_slug), deployment_slug))
    return rows


def _show(request: HttpRequest, member: Member, rows: list[Any], **context: Any) -> HttpResponse:
    """Return the page of the last of the rows."""
    page = PAGES[len(rows)]
    named = dict(zip(PAGES[1:], rows, strict=False))
    shown = {"account": member.account, "row": rows[-1], "crumbs": _way(member.account, rows)[:-1], "may": _may(member)}
    return render(request, f"resources/{page}.html", {**shown, **named, **context})


def _create(
    request: HttpRequest, member: Member, operation: Operation, form: "BaseModelForm[Any]", around: list[Any]
) -> HttpResponse:
    """Return the page that creates what the form is about, in the last of the rows around it."""
    kind = PAGES[len(around) + 1]
    return change_page(
        request,
        member,
        Permission.MANAGE_COMPUTE,
        operation,
        form,
        form.save,
        then=lambda: _way(member.account, [*around, form.instance])[-1][1],
        said=lambda: f"{form.instance} is created.",
        hold=around[-1] if around else None,
        parent=around[-1] if around else None,
        name=request.POST.get("name", request.POST.get("slug", "")),
        heading=f"Create {kind}",
        submit=f"Create {kind}",
        crumbs=_way(member.account, around),
        template="resources/compute_form.html",
    )


def _edit(
    request: HttpRequest, member: Member, operation: Operation, form_class: "type[BaseModelForm[Any]]", rows: list[Any]
) -> HttpResponse:
    """Return the page that edits the last of the rows."""
    row, form = rows[-1], form_class(posted(request), instance=rows[-1])
    way = _way(member.account, rows)
    return change_page(
        request,
        member,
        Permission.MANAGE_COMPUTE,
        operation,
        form,
        form.save,
        then=lambda: way[-1][1],
        said=lambda: f"{row} is saved.",
        hold=row,
        target=row,
        heading=f"Edit {row}",
        submit="Save changes",
        crumbs=way,
        template="resources/compute_form.html",
    )


def _delete(
    request: HttpRequest, member: Member, operation: Operation, rows: list[Any], gone: Iterable[tuple[str, str] | None]
) -> HttpResponse:
    """Return the page that deletes the last of the rows, and what goes with it."""
    row, kind, way = rows[-1], PAGES[len(rows)], _way(member.account, rows)
    return change_page(
        request,
        member,
        Permission.MANAGE_COMPUTE,
        operation,
        ConfirmForm(posted(request), typed=row.slug, label=f"{kind.capitalize()} ID"),
        row.delete,
        then=lambda: way[-2][1],
        said=f"{row} is deleted. Its entries stay in Teams & Logs.",
        hold=row,
        target=row,
        heading=f"Delete {row}",
        submit=f"Delete {kind}",
        crumbs=way,
        danger=True,
        warning="What runs there stops. Models and their versions stay, and so do entries in Teams & Logs.",
        cascade=[line for line in gone if line],
        typed=row.slug,
    )


def _way(account: Account, rows: list[Any]) -> list[Crumb]:
    """Return the way from the list of clusters to the last of the rows."""
    slugs, labels = [account.slug, *(row.slug for row in rows)], ["Compute", *map(str, rows)]
    return [(label, reverse(PAGES[n], args=slugs[: n + 1])) for n, label in enumerate(labels)]


def _may(member: Member) -> bool:
    return member.reach(Permission.MANAGE_COMPUTE) is Reach.ALL
