"""Compute in a browser: each operation carried out, attempted in vain, and read in the log; for everybody to use."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from accounts.roles import Role
from controlcenter.resources.models import ModelVersion
from tests.factories import ModelVersionFactory, make_people
from tests.history import member_with
from tests.test_every_page import make_world

from .reading import choose, done, refused, told_of
from .test_accessibility import SizeCheck, findings

pytestmark = pytest.mark.django_db(transaction=True)

SignIn = Callable[..., None]
COMPUTE, GPU = "/@acme/compute/", "/@acme/compute/gpu/"
POOL, IT = f"{GPU}nodepools/pool/", f"{GPU}nodepools/pool/deployments/it/"


def test_compute_is_worked_on_or_not_and_all_of_it_is_in_the_log(page: Page, sign_in: SignIn) -> None:
    people = make_people()
    ModelVersionFactory(slug="v1", model__slug="detector", model__app__slug="vision", model__app__account=people.acme)
    sign_in(page, people.member)
    build(page)

    page.context.clear_cookies()
    sign_in(page, member_with(Role.TEAM_CONTRIBUTOR, people.acme))
    refused(page, "/@acme/new-cluster/", f"{GPU}edit/", f"{GPU}delete/")
    refused(page, f"{GPU}new-nodepool/", f"{POOL}edit/", f"{POOL}delete/")
    refused(page, f"{POOL}new-deployment/", f"{IT}edit/", f"{IT}delete/")

    page.context.clear_cookies()
    sign_in(page, people.owner)
    take_down(page)
    kinds = ("Compute clusters", "Nodepools", "Deployments")
    denied = [(f"{kind} {done}", "Role denied") for kind in kinds for done in ("created", "updated", "deleted")]
    assert told_of(page, *kinds) == [
        ("Compute clusters created", "Success"),
        ("Nodepools created", "Invalid"),
        ("Nodepools created", "Success"),
        ("Deployments created", "Not found"),
        ("Deployments created", "Success"),
        ("Deployments updated", "Success"),
        ("Nodepools updated", "Success"),
        ("Compute clusters updated", "Success"),
        *denied,
        ("Deployments deleted", "Success"),
        ("Nodepools deleted", "Success"),
        ("Compute clusters deleted", "Success"),
    ]
    assert ModelVersion.objects.exists()


def build(page: Page) -> None:
    page.goto("/@acme/apps/")
    page.get_by_role("link", name="Compute").click()
    page.get_by_role("link", name="Create cluster").click()
    page.get_by_label("Name").fill("Gpu")
    page.get_by_label("Cluster ID").fill("gpu")
    page.get_by_label("Provider").fill("aws")
    page.get_by_label("Region").fill("eu-central-1")
    page.get_by_role("button", name="Create cluster").click()
    done(page, "Gpu is created.")

    page.get_by_role("link", name="Create nodepool").click()
    page.get_by_label("Nodepool ID").fill("pool")
    page.get_by_label("Instance type").fill("g5.xlarge")
    page.get_by_label("Minimum instances").fill("4")
    page.get_by_role("button", name="Create nodepool").click()
    expect(page.get_by_role("alert")).to_contain_text("1 is less than the minimum, 4.")
    page.get_by_label("Maximum instances").fill("8")
    page.get_by_role("button", name="Create nodepool").click()
    done(page, "pool is created.")

    page.get_by_role("link", name="Create deployment").click()
    page.get_by_label("Deployment ID").fill("it")
    page.get_by_label("Model version").fill("vision/detector/v9")
    page.get_by_role("button", name="Create deployment").click()
    expect(page.get_by_role("alert")).to_contain_text("Acme has no such model version.")
    page.get_by_label("Model version").fill(page.locator("datalist option").first.get_attribute("value") or "")
    page.get_by_role("button", name="Create deployment").click()
    done(page, "it is created.")
    expect(page.get_by_role("link", name="vision/detector/v1")).to_be_visible()

    page.get_by_role("link", name="Edit").click()
    page.get_by_label("Maximum replicas").fill("3")
    page.get_by_role("button", name="Save changes").click()
    done(page, "it is saved.")
    crumbs = page.get_by_role("navigation", name="Breadcrumbs")
    crumbs.get_by_role("link", name="pool").click()
    choose(page, "pool", "Edit")
    page.get_by_label("Instance type").fill("g6.xlarge")
    page.get_by_role("button", name="Save changes").click()
    done(page, "pool is saved.")
    crumbs.get_by_role("link", name="Gpu").click()
    choose(page, "Gpu", "Edit")
    page.get_by_label("Name").fill("Fast")
    page.get_by_role("button", name="Save changes").click()
    done(page, "Fast is saved.")


def take_down(page: Page) -> None:
    page.goto(IT)
    for name, label, slug in (
        ("it", "Deployment ID", "it"),
        ("pool", "Nodepool ID", "pool"),
        ("Fast", "Cluster ID", "gpu"),
    ):
        choose(page, name, "Delete")
        page.get_by_label(label).fill(slug)
        page.get_by_label("Reason").fill("Too dear")
        page.get_by_role("button", name="Delete").click()
        done(page, f"{name} is deleted.")


def test_each_leads_to_its_history(page: Page, sign_in: SignIn) -> None:
    people = make_world()
    sign_in(page, people.owner)
    at = COMPUTE
    for part, sentence in (
        ("cluster/", "Create compute cluster 'Cluster'"),
        ("nodepools/pool/", "Create nodepool 'pool' in compute cluster 'Cluster'"),
        ("deployments/deployment/", "Create deployment 'deployment' on nodepool 'pool'"),
    ):
        at += part
        page.goto(at)
        page.get_by_role("link", name="History").first.click()
        expect(page.get_by_text(sentence).first).to_be_visible()
        expect(page.get_by_text("Create application")).to_have_count(0)


CLUSTER = f"{COMPUTE}cluster/"
NODEPOOL = f"{CLUSTER}nodepools/pool/"
DEPLOYMENT = f"{NODEPOOL}deployments/deployment/"


PAGES = [
    COMPUTE,
    f"{COMPUTE}?q=zebra",
    "/@acme/new-cluster/",
    CLUSTER,
    f"{CLUSTER}?q=zebra",
    f"{CLUSTER}edit/",
    f"{CLUSTER}delete/",
    f"{CLUSTER}new-nodepool/",
    NODEPOOL,
    f"{NODEPOOL}edit/",
    f"{NODEPOOL}new-deployment/",
    DEPLOYMENT,
    f"{DEPLOYMENT}edit/",
    f"{DEPLOYMENT}delete/",
]


def test_a_page_is_for_everybody(page: Page, sign_in: SignIn, axe: SizeCheck) -> None:
    people = make_world()
    sign_in(page, people.owner)
    assert [line for address in PAGES for line in findings(page, address, axe)] == []


def test_an_empty_and_locked_list_is_for_everybody(page: Page, sign_in: SignIn, axe: SizeCheck) -> None:
    people = make_people()
    sign_in(page, member_with(Role.ORGANIZATION_USER, people.acme))
    assert findings(page, COMPUTE, axe) == []
