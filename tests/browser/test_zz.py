from tests.browser.test_accessibility import *
from tests.browser.test_accessibility import _today
def test_zz(people, enter):
    page = enter(people.owner); page.goto(LOGS)
    for _ in range(40):
        page.keyboard.press("Tab")
        print(page.evaluate("""() => { const element = document.activeElement, box = element.getBoundingClientRect();
                const top = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
                const s = getComputedStyle(element);
                return [element.outerHTML.slice(0,60), box.y, box.height, s.outlineStyle, s.outlineWidth, s.boxShadow.slice(0,40), top && top.outerHTML.slice(0,60)].join(' | ') }"""))
    assert 0
