"""Modules in a browser: each operation carried out, attempted in vain, and read in the log; for everybody to use."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from accounts.roles import Role
from controlcenter.resources.models import ModuleVersion
from tests.factories import AppFactory, make_people
from tests.history import member_with
from tests.test_every_page import make_world

from .reading import choose, done, refused, told_of
from .test_accessibility import SizeCheck, findings

pytestmark = pytest.mark.django_db(transaction=True)

SignIn = Callable[..., None]
VISION = "/@acme/apps/vision/"
BOARD = f"{VISION}modules/board/"


def test_modules_are_worked_on_or_not_and_all_of_it_is_in_the_log(page: Page, sign_in: SignIn) -> None:
    people = make_people()
    AppFactory(account=people.acme, slug="vision", name="Vision")
    sign_in(page, people.member)
    work(page)

    page.context.clear_cookies()
    sign_in(page, member_with(Role.TEAM_CONTRIBUTOR, people.acme))
    version = f"{BOARD}versions/{ModuleVersion.objects.get()}/"
    refused(page, f"{VISION}new-module/", f"{BOARD}edit/", f"{BOARD}delete/", f"{BOARD}new-version/")
    refused(page, f"{version}edit/", f"{version}delete/")

    page.context.clear_cookies()
    sign_in(page, people.owner)
    assert told_of(page, "Module") == [
        ("Modules created", "Success"),
        ("Module versions created", "Invalid"),
        ("Module versions created", "Success"),
        ("Module versions updated", "Success"),
        ("Modules updated", "Success"),
        ("Modules created", "Role denied"),
        ("Modules updated", "Role denied"),
        ("Modules deleted", "Role denied"),
        ("Module versions created", "Role denied"),
        ("Module versions updated", "Role denied"),
        ("Module versions deleted", "Role denied"),
    ]

    page.goto(version)
    choose(page, f"version {ModuleVersion.objects.get()}", "Delete")
    page.get_by_role("button", name="Delete version").click()
    done(page, "is deleted.")
    choose(page, "Panel", "Delete")
    page.get_by_label("Module ID").fill("board")
    page.get_by_role("button", name="Delete module").click()
    done(page, "Panel is deleted.")
    assert told_of(page, "Module")[-2:] == [("Module versions deleted", "Success"), ("Modules deleted", "Success")]


def work(page: Page) -> None:
    page.goto(VISION)
    page.get_by_role("link", name="Modules").click()
    page.get_by_role("link", name="Create module").click()
    page.get_by_label("Name").fill("Board")
    page.get_by_label("Module ID").fill("board")
    page.get_by_role("button", name="Create module").click()
    done(page, "Board is created.")

    page.get_by_role("link", name="Create version").click()
    page.get_by_label("Git commit").fill("main")
    page.get_by_role("button", name="Create version").click()
    expect(page.get_by_role("alert")).to_contain_text("A commit is 7 to 40 hexadecimal digits")
    page.get_by_label("Git commit").fill("9f2c1ab")
    page.get_by_role("button", name="Create version").click()
    done(page, "is created.")
    choose(page, f"version {ModuleVersion.objects.get()}", "Edit")
    page.get_by_label("Git commit").fill("9f2c1ac")
    page.get_by_role("button", name="Save changes").click()
    done(page, "is saved.")
    expect(page.get_by_text("9f2c1ac")).to_be_visible()

    page.get_by_role("link", name="Board").click()
    choose(page, "Board", "Edit")
    page.get_by_label("Name").fill("Panel")
    page.get_by_role("button", name="Save changes").click()
    done(page, "Panel is saved.")


PAGES = [
    f"{VISION}modules/",
    BOARD,
    f"{BOARD}new-version/",
    f"{BOARD}versions/module-v1/",
    f"{BOARD}versions/module-v1/edit/",
]


def test_axe_finds_nothing(page: Page, sign_in: SignIn, axe: SizeCheck) -> None:
    people = make_world()
    ModuleVersion.objects.filter(slug="module-v1").update(git_commit="9f2c1ab" * 5)
    sign_in(page, people.owner)
    assert [line for address in PAGES for line in findings(page, address, axe)] == []
