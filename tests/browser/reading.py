"""What somebody reads in Teams & Logs after others have worked."""

from playwright.sync_api import Page, expect

LOGS = "/@acme/teams-and-logs/"


def told_of(page: Page, *words: str) -> list[tuple[str, str]]:
    """Return operations whose labels begin with one of the words, and whether or why not, oldest first."""
    page.goto(f"{LOGS}?fold=off")
    rows = [
        (row.locator(".c-what b").inner_text(), row.locator(".c-status").inner_text().splitlines()[-1])
        for row in page.locator(".ev").all()
    ]
    return [row for row in reversed(rows) if row[0].startswith(words)]


def sentences(page: Page) -> list[str]:
    """Return what the lines of the log say, in their order."""
    page.wait_for_load_state()  # Without JavaScript a click leads to another page.
    return page.locator(".ev .r").all_inner_texts()


def query(page: Page) -> str:
    """Return what the address says behind its question mark."""
    return page.url.partition("?")[2]


def send(page: Page, button: str) -> None:
    """Press a button of a form, and wait for the page that answers."""
    with page.expect_navigation():
        page.locator("main").get_by_role("button", name=button).click()


def refused(page: Page, *addresses: str) -> None:
    """Open pages that change something, which one's role does not include."""
    for address in addresses:
        page.goto(address)
        expect(page.get_by_role("heading", name="You may not do this")).to_be_visible()


def choose(page: Page, name: str, action: str) -> None:
    """Open the menu of a thing and choose an action, be it a link or a button."""
    page.get_by_role("button", name=f"Actions for {name}", exact=True).first.click()
    menu = page.get_by_role("dialog", name=f"Actions for {name}", exact=True).first
    menu.get_by_role("link", name=action).or_(menu.get_by_role("button", name=action)).click()


def done(page: Page, said: str) -> None:
    """Expect the message that something was done."""
    expect(page.locator("#toasts").get_by_text(said).first).to_be_visible()
