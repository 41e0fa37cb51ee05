from tests.browser.test_logs import *
from tests.browser.test_logs import _today
from tests.browser.test_budgets import people_with_a_full_page
@pytest.mark.parametrize("n", range(3))
def test_zz(n, logs):
    reqs=[]
    logs.on("request", lambda r: reqs.append((r.resource_type, r.is_navigation_request(), r.url[-60:])) if "static" not in r.url else None)
    logs.on("console", lambda m: reqs.append(("console", m.text)))
    pick(logs, "Vision")
    expect(logs.locator("#apps")).to_contain_text("Vision")
    logs.get_by_role("link", name="Older").click()
    expect(logs.locator(".ev")).to_have_count(10)
    reqs.append("BACK1"); logs.go_back()
    expect(logs.locator(".ev")).to_have_count(50)
    expect(logs.locator("#apps")).to_contain_text("Vision")
    reqs.append("BACK2 from "+ logs.url); logs.go_back()
    try: expect(logs.locator("#apps")).to_contain_text("All apps", timeout=1500)
    except AssertionError as e: reqs.append("FAILED")
    reqs.append("now "+logs.url)
    print("\n".join(map(str,reqs)))
    assert 0
def test_zb(page, live_server):
    people = people_with_a_full_page()
    page.context.add_cookies(session_of(people.owner, live_server.url))
    answers=[]
    page.on("response", lambda answer: answers.append((answer.request.resource_type, answer.status, answer.url[-50:])))
    page.goto(LOGS, wait_until="networkidle")
    print("\n".join(map(str,answers)))
    assert 0
