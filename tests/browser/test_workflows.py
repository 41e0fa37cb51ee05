"""Workflows in a browser: each operation carried out, attempted in vain, and read in the log; for everybody to use."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from accounts.roles import Role
from controlcenter.resources.models import WorkflowVersion
from tests.factories import AppFactory, make_people
from tests.history import member_with
from tests.test_every_page import make_world

from .reading import choose, done, refused, told_of
from .test_accessibility import SizeCheck, findings

pytestmark = pytest.mark.django_db(transaction=True)

SignIn = Callable[..., None]
VISION = "/@acme/apps/vision/"
PIPELINE = f"{VISION}workflows/pipeline/"


def test_workflows_are_worked_on_or_not_and_all_of_it_is_in_the_log(page: Page, sign_in: SignIn) -> None:
    people = make_people()
    AppFactory(account=people.acme, slug="vision", name="Vision")
    sign_in(page, people.member)
    work(page)

    page.context.clear_cookies()
    sign_in(page, member_with(Role.AUDITOR, people.acme))
    version = f"{PIPELINE}versions/{WorkflowVersion.objects.get()}/"
    refused(page, f"{VISION}new-workflow/", f"{PIPELINE}edit/", f"{PIPELINE}delete/", f"{PIPELINE}new-version/")
    refused(page, f"{version}edit/", f"{version}publish/", f"{version}unpublish/", f"{version}delete/")

    page.context.clear_cookies()
    sign_in(page, people.owner)
    assert told_of(page, "Workflow") == [
        ("Workflows created", "Success"),
        ("Workflow versions created", "Invalid"),
        ("Workflow versions created", "Success"),
        ("Workflow versions updated", "Success"),
        ("Workflow versions published", "Success"),
        ("Workflow versions unpublished", "Success"),
        ("Workflows updated", "Success"),
        ("Workflows created", "Role denied"),
        ("Workflows updated", "Role denied"),
        ("Workflows deleted", "Role denied"),
        ("Workflow versions created", "Role denied"),
        ("Workflow versions updated", "Role denied"),
        ("Workflow versions published", "Role denied"),
        ("Workflow versions unpublished", "Role denied"),
        ("Workflow versions deleted", "Role denied"),
    ]

    page.goto(version)
    choose(page, f"version {WorkflowVersion.objects.get()}", "Delete")
    page.get_by_role("button", name="Delete version").click()
    done(page, "is deleted.")
    choose(page, "Sorting", "Delete")
    page.get_by_label("Workflow ID").fill("pipeline")
    page.get_by_role("button", name="Delete workflow").click()
    done(page, "Sorting is deleted.")
    expect(page.get_by_role("heading", name="No workflows yet")).to_be_visible()
    assert told_of(page, "Workflow")[-2:] == [
        ("Workflow versions deleted", "Success"),
        ("Workflows deleted", "Success"),
    ]


def work(page: Page) -> None:
    page.goto(VISION)
    page.get_by_role("link", name="Workflows").click()
    page.get_by_role("link", name="Create workflow").click()
    page.get_by_label("Name").fill("Pipeline")
    page.get_by_label("Workflow ID").fill("pipeline")
    page.get_by_role("button", name="Create workflow").click()
    done(page, "Pipeline is created.")

    page.get_by_role("link", name="Create version").click()
    page.get_by_label("Nodes").fill('[{"id": "detect",}]')
    page.get_by_role("button", name="Create version").click()
    expect(page.get_by_role("alert")).to_contain_text("That is not JSON.")
    expect(page.get_by_label("Nodes")).to_have_value('[{"id": "detect",}]')
    page.get_by_label("Nodes").fill('[{"id": "detect"}]')
    page.get_by_role("button", name="Create version").click()
    done(page, "is created.")
    expect(page.get_by_role("heading", name="Nodes 1")).to_be_visible()
    version = WorkflowVersion.objects.get().slug
    choose(page, f"version {version}", "Edit")
    page.get_by_label("Nodes").fill('[{"id": "detect"}, {"id": "count"}]')
    page.get_by_role("button", name="Save changes").click()
    expect(page.get_by_role("heading", name="Nodes 2")).to_be_visible()
    choose(page, f"version {version}", "Publish")
    done(page, f"Version {version} is published.")
    choose(page, f"version {version}", "Unpublish")
    done(page, f"Version {version} is unpublished.")

    page.get_by_role("link", name="Pipeline").click()
    choose(page, "Pipeline", "Edit")
    page.get_by_label("Name").fill("Sorting")
    page.get_by_role("button", name="Save changes").click()
    done(page, "Sorting is saved.")


PAGES = [
    f"{VISION}workflows/",
    f"{VISION}new-workflow/",
    PIPELINE,
    f"{PIPELINE}new-version/",
    f"{PIPELINE}versions/workflow-v1/",
    f"{PIPELINE}versions/workflow-v1/publish/",
    f"{PIPELINE}versions/workflow-v1/delete/",
]


def test_axe_finds_nothing(page: Page, sign_in: SignIn, axe: SizeCheck) -> None:
    people = make_world()
    WorkflowVersion.objects.filter(slug="workflow-v1").update(nodes=[{"id": "a" * 200}] * 40)
    sign_in(page, people.owner)
    assert [line for address in PAGES for line in findings(page, address, axe)] == []
