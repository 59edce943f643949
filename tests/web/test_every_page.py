"""Every page there is, empty and full: WCAG 2.2 AA in both themes, nothing cut at 320 pixels or at 200 %, and a picture of each."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import httpx2
import pytest
from playwright.sync_api import Browser, BrowserContext, Page
from starlette.routing import Match

from krawall.model.account import Role
from krawall.testing.pages import Pages
from krawall.testing.shown import EMPTY, Shown, fill, places
from krawall.web.assets import STATIC
from krawall.web.pages import ROUTERS

SHOWN = Shown(*({word: word for word in words.split()} for words in ("bot plain long echo", "audit branching stress draft", "queued running passed failed broken cancelled")))  # fmt: skip
NO_PAGES = {"web_palette", "web_export_scenario", "web_scenario_estimate", "web_turn"}
"""What htmx fetches into a page that is there, and what a browser keeps as a file."""
PHONE = 390
NARROW = (720, PHONE, 320)
"""Widths in CSS pixels. 720 is what is left of 1440 at 200 %."""
SIDEWAYS = """() => {
    const seen = document.documentElement.clientWidth
    const boxed = each => { for (let at = each.parentElement; at; at = at.parentElement) if (at.matches('.table, pre, .code, .tabs, [data-scrolls]') || getComputedStyle(at).overflowX === 'auto') return true; return false }
    const wide = [...document.querySelectorAll('body *')].filter(each => each.checkVisibility({ visibilityProperty: true }) && each.getBoundingClientRect().right > seen + 1 && !boxed(each) && !each.closest('.sr, svg, [popover], dialog'))
    return document.documentElement.scrollWidth > seen || wide.length ? wide.slice(0, 5).map(each => each.outerHTML.slice(0, 160)) .concat('page: ' + document.documentElement.scrollWidth): []
}"""


@pytest.fixture(scope="module")
def shown(pages: Pages) -> Shown:
    """The installation is full from the first test on that wants it so."""
    return pages.do(fill)


@pytest.fixture(scope="module")
def window(
    browser: Browser, pages: Pages, overhear: Callable[[BrowserContext], list[str]]
) -> Iterator[tuple[Page, Callable[[], list[str]]]]:
    """A page that is gone on with from test to test, which takes half the time of new ones, and what it complained of since
    somebody asked. What comes late counts against the test after it, and at last against the last.
    """
    context = browser.new_context(base_url=pages.url, reduced_motion="reduce")
    said = overhear(context)

    def complaints() -> list[str]:
        found = [words for words in said if "404" not in words and "403" not in words]
        said.clear()
        return found

    yield context.new_page(), complaints
    context.close()
    assert complaints() == []


@pytest.fixture
def look(
    window: tuple[Page, Callable[[], list[str]]],
    violations: Callable[..., list[str]],
    shot: Callable[[Page, str], None],
) -> Callable[[str, str], None]:
    """`look(path, name)` opens a page and finds nothing wrong with it, wide and narrow, in both themes."""
    page, complaints = window

    def looking(path: str, name: str) -> None:
        page.set_viewport_size({"width": 1440, "height": 900})
        page.goto(path)
        turn(page, "light")
        for chart in page.locator("time-chart:visible").all():
            chart.locator("canvas").wait_for()
        assert page.get_by_role("heading", level=1).count() == 1
        assert page.title().endswith("Krawall")
        assert violations(page) == [], name
        shot(page, f"{name}-light-1440")
        turn(page, "dark")
        shot(page, f"{name}-dark-1440")
        for width in NARROW:
            page.set_viewport_size({"width": width, "height": 844})
            assert sideways(page) == [], (name, width)
            if width == PHONE:
                assert violations(page, again=True) == [], (name, width)
                shot(page, f"{name}-dark-390")
                turn(page, "light")
                shot(page, f"{name}-light-390")
        assert complaints() == []

    return looking


def sideways(page: Page) -> list[str]:
    """What reaches beyond the window, once the charts have taken the width that there is."""
    found = page.evaluate(SIDEWAYS)
    for _ in range(40):
        if not found:
            break
        page.wait_for_timeout(50)
        found = page.evaluate(SIDEWAYS)
    return list(found)


def turn(page: Page, theme: str) -> None:
    page.evaluate("theme => document.documentElement.dataset.theme = theme", theme)


def test_the_list_of_pages_is_whole():
    """A page that is in no list here was looked at by nobody."""
    routes = [route for router in ROUTERS for route in router.routes if "GET" in route.methods]
    paths = [*EMPTY.values(), *places(SHOWN).values(), "/login"]
    seen = {_first(routes, path.partition("?")[0]) for path in paths}
    assert {route.name for route in routes} - seen - NO_PAGES == set()


def _first(routes, path: str) -> str:
    scope = {"type": "http", "method": "GET", "path": path, "root_path": ""}
    return next((route.name for route in routes if route.matches(scope)[0] is Match.FULL), "")


@pytest.mark.parametrize("name", EMPTY)
def test_a_page_of_an_empty_installation(look, name):
    look(EMPTY[name], f"empty-{name}")


@pytest.mark.parametrize("name", places(SHOWN))
def test_a_page_of_a_full_installation(look, name, shown):
    look(places(shown)[name], name)


def test_what_a_page_is_dressed_in_is_loaded(pages: Pages, shown: Shown):
    """Sheets that only some pages load: a class that one of them is about is on no page without it."""
    sheets = {path.name: words(path.read_text()) for path in STATIC.glob("*.css")}
    base = set().union(*(words(path.read_text()) for path in STATIC.glob("css/*.css")))
    bare = []
    with httpx2.Client(base_url=pages.url) as client:
        for name, path in places(shown).items():
            text = client.get(path, headers={"accept": "text/html"}).text
            worn = {each for classes in re.findall(r'class="([^"]*)"', text) for each in classes.split()} - base
            loaded = set().union(*(sheets[name] for name in sheets if f"/{name.removesuffix('.css')}." in text))
            bare += [(name, each) for each in sorted(worn - loaded) if any(each in known for known in sheets.values())]
    assert bare == []


def words(sheet: str) -> set[str]:
    return set(
        re.findall(r"\.([a-zA-Z][\w-]*)(?=[^{}]*\{)", re.sub(r"/\*.*?\*/|url\([^)]*\)", "", sheet, flags=re.DOTALL))
    )


class TestWithAccounts:
    """The last tests of this file: once there is an account, everybody has to log in."""

    @pytest.fixture(autouse=True)
    def vera(self, pages: Pages) -> None:
        async def make(app) -> None:
            if not await app.accounts.exist():
                await app.accounts.create_user("ada", "correct horse battery", Role.admin, "test")
                await app.accounts.create_user("vera", "correct horse battery", Role.viewer, "test")

        pages.do(make)

    def test_logging_in(self, look, page: Page, forgive, violations):
        look("/login", "login")
        page.goto("/login")
        forgive("422")
        page.get_by_label("Name").fill("vera")
        page.get_by_label("Password").fill("wrong")
        page.get_by_role("button", name="Log in").click()
        page.get_by_role("alert").wait_for()
        assert violations(page) == []

    def test_what_a_person_sees_who_may_only_look(self, look, window, shown):
        page, _ = window
        page.request.post("/login", form={"name": "vera", "password": "correct horse battery"})
        for name in ("dashboard", "targets", "target", "scenarios", "scenario", "session-running", "session-passed"):
            look(places(shown)[name], f"viewer-{name}")
        look("/targets/new", "forbidden")
