"""Models in a browser: each operation carried out, attempted in vain, and read in the log; and for everybody to use."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from accounts.roles import Role
from controlcenter.resources.models import ModelVersion
from tests.factories import AppFactory, ModelFactory, ModelVersionFactory, make_people
from tests.history import member_with
from tests.test_every_page import make_world

from .reading import choose, done, refused, told_of
from .test_accessibility import SizeCheck, findings

pytestmark = pytest.mark.django_db(transaction=True)

SignIn = Callable[..., None]
VISION = "/@acme/apps/vision/"
DETECTOR = f"{VISION}models/detector/"


def test_models_are_worked_on_or_not_and_all_of_it_is_in_the_log(page: Page, sign_in: SignIn) -> None:
    people = make_people()
    AppFactory(account=people.acme, slug="vision", name="Vision")
    sign_in(page, people.member)
    work(page)

    page.context.clear_cookies()
    sign_in(page, member_with(Role.ORGANIZATION_USER, people.acme))
    try_in_vain(page)

    page.context.clear_cookies()
    sign_in(page, people.owner)
    assert told_of(page, "Model") == [
        ("Models created", "Success"),
        ("Model versions trained", "Success"),
        ("Model versions updated", "Success"),
        ("Model versions created", "Success"),
        ("Model versions updated", "Success"),
        ("Model versions published", "Success"),
        ("Model versions unpublished", "Success"),
        ("Model versions deleted", "Success"),
        ("Models updated", "Success"),
        ("Models created", "Role denied"),
        ("Models updated", "Role denied"),
        ("Models deleted", "Role denied"),
        ("Model versions trained", "Role denied"),
        ("Model versions created", "Role denied"),
        ("Model versions updated", "Role denied"),
        ("Model versions updated", "Role denied"),
        ("Model versions published", "Role denied"),
        ("Model versions unpublished", "Role denied"),
        ("Model versions deleted", "Role denied"),
    ]

    page.goto(DETECTOR)
    choose(page, "Spotter", "Delete")
    page.get_by_label("Model ID").fill("detector")
    page.get_by_label("Reason").fill("Replaced by another")
    page.get_by_role("button", name="Delete model").click()
    done(page, "Spotter is deleted.")
    assert told_of(page, "Model")[-2:] == [("Model versions deleted", "Success"), ("Models deleted", "Success")]
    page.locator(".ev").filter(has_text="Models deleted").first.locator(".x").click()
    expect(page.locator(".det")).to_contain_text("Replaced by another")


def work(page: Page) -> None:
    """Create a model, train and upload versions, report, publish, take back, describe and delete."""
    page.goto(VISION)
    page.get_by_role("link", name="Create model").click()
    page.get_by_label("Name").fill("Detector")
    page.get_by_label("Model ID").fill("detector")
    page.get_by_role("button", name="Create model").click()
    done(page, "Detector is created.")

    page.get_by_role("link", name="Train").click()
    page.get_by_label("Description").fill("First try")
    page.get_by_role("button", name="Train version").click()
    done(page, "is in training.")
    page.get_by_role("link", name="Report", exact=True).click()
    page.get_by_role("radio", name="Failed").check()
    page.get_by_label("Why it failed").fill("No data")
    page.get_by_role("button", name="Report").click()
    expect(page.get_by_text("Training failed. No data")).to_be_visible()
    expect(page.get_by_role("button", name="Publish")).to_have_count(0)

    page.get_by_role("link", name="Detector").click()
    page.get_by_role("link", name="Upload version").click()
    page.get_by_role("button", name="Upload version").click()
    done(page, "is uploaded.")
    version = ModelVersion.objects.latest("pk").slug
    choose(page, f"version {version}", "Edit")
    page.get_by_label("Description").fill("Second try")
    page.get_by_role("button", name="Save changes").click()
    done(page, "is saved.")
    page.get_by_role("main").get_by_role("button", name="Publish").first.click()
    done(page, f"Version {version} is published.")
    page.get_by_role("link", name="Detector").click()
    choose(page, f"version {version}", "Unpublish")
    done(page, f"Version {version} is unpublished.")
    choose(page, f"version {version}", "Delete")
    page.get_by_label("Reason").fill("Broken")
    page.get_by_role("button", name="Delete version").click()
    done(page, f"Version {version} is deleted.")

    choose(page, "Detector", "Edit")
    page.get_by_label("Name").fill("Spotter")
    page.get_by_role("button", name="Save changes").click()
    done(page, "Spotter is saved.")


def try_in_vain(page: Page) -> None:
    page.goto(DETECTOR)
    page.get_by_role("button", name="Actions for Spotter").click()
    expect(page.get_by_role("link", name="Delete (not in your role)")).to_be_visible()
    version = f"{DETECTOR}versions/{ModelVersion.objects.get()}/"
    refused(page, f"{VISION}new-model/", f"{DETECTOR}edit/", f"{DETECTOR}delete/")
    refused(page, f"{DETECTOR}train/", f"{DETECTOR}new-version/", f"{version}edit/", f"{version}report/")
    refused(page, f"{version}publish/", f"{version}unpublish/", f"{version}delete/")


def test_a_model_leads_to_its_history(page: Page, sign_in: SignIn) -> None:
    people = make_people()
    app = AppFactory(account=people.acme, slug="vision", name="Vision")
    model = ModelFactory(app=app, slug="detector", name="Detector")
    ModelVersionFactory(model=model)
    ModelFactory(app=app)
    sign_in(page, people.owner)
    page.goto(DETECTOR)
    page.get_by_role("link", name="History").click()
    expect(page.locator(".ev")).to_have_count(2)
    expect(page.locator(".ev").first).to_contain_text("Model versions created")


def test_clicking_publish_twice_publishes_once(page: Page, sign_in: SignIn) -> None:
    people = make_people()
    model = ModelFactory(app=AppFactory(account=people.acme, slug="vision"), slug="detector")
    ModelVersionFactory(model=model, slug="v1")
    sign_in(page, people.owner)
    page.goto(f"{DETECTOR}versions/v1/")
    page.get_by_role("button", name="Publish").first.dblclick()
    expect(page.get_by_role("button", name="Unpublish")).to_be_visible()
    assert told_of(page, "Model versions published") == [("Model versions published", "Success")]


def open_menu(page: Page) -> None:
    page.locator("main").get_by_role("button", name="Actions for").last.click()


PAGES: list[tuple[str, Callable[[Page], None]]] = [
    (VISION, lambda page: None),
    (f"{VISION}new-model/", lambda page: page.get_by_role("button", name="Create model").click()),
    (DETECTOR, open_menu),
    (f"{DETECTOR}?q=zebra", lambda page: None),
    (f"{DETECTOR}edit/", lambda page: None),
    (f"{DETECTOR}delete/", lambda page: page.get_by_role("button", name="Delete model").click()),
    (f"{DETECTOR}train/", lambda page: None),
    (f"{DETECTOR}versions/model-v1/", open_menu),
    (f"{DETECTOR}versions/training/", lambda page: None),
    (f"{DETECTOR}versions/training/report/", lambda page: page.get_by_role("button", name="Report").click()),
    (f"{DETECTOR}versions/published/unpublish/", lambda page: None),
]


def test_axe_finds_nothing(page: Page, sign_in: SignIn, axe: SizeCheck) -> None:
    people = make_world()
    sign_in(page, people.owner)
    assert [line for address, reach in PAGES for line in findings(page, address, axe, reach)] == []
