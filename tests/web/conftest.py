"""A real server with pages on loopback, in a thread of its own, and a real Chromium. Any error in a browser's console fails its test."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Playwright, expect

from krawall.settings import Settings
from krawall.testing.pages import Pages, serving
from krawall.testing.valkeys import valkey_server
from krawall.web.vendor import modules_of

ROOT = Path(__file__).resolve().parents[2]
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--force-color-profile=srgb",
]  # fmt: skip
expect.set_options(timeout=20_000)  # of a machine that has much else to do; what is there is seen at once
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
OF_COLOURS_AND_ROOM = ["color-contrast", "target-size", "scrollable-region-focusable"]


@pytest.fixture(scope="session")
def one_valkey() -> Iterator[Any]:
    with valkey_server() as server:
        yield server


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory, one_valkey: Any) -> Iterator[Pages]:
    """A server over an empty database, for the tests of one file."""
    one_valkey.flush()
    home = tmp_path_factory.mktemp("pages")
    with serving(Settings(data=home, redis=one_valkey.url, worker=False, requests_per_s=100_000)) as found:
        yield found


# the browser ------------------------------------------------------------------------------------------------------------


def chromium() -> str:
    """Return a Chromium: KRAWALL_CHROMIUM, one on PATH, else one that is installed now. Fails with what to install."""
    if named := os.environ.get("KRAWALL_CHROMIUM"):
        return named
    # The headless shell is the same browser without what no test looks at: tests take a quarter less time.
    names = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    with open(Path(tempfile.gettempdir()) / "krawall-tests-chromium.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests in several processes: one brings it in, the others wait
        found = next((path for name in names if (path := shutil.which(name))), "")
        if not found and hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get"):
            subprocess.run(["apt-get", "update", "-qq"], check=False)
            for name in names[:2]:  # not every release has the first
                if not found:
                    subprocess.run(["apt-get", "install", "-y", "-qq", name], check=False)
                    found = shutil.which(name) or ""
    return found


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    path = chromium()
    return {**browser_type_launch_args, "args": FLAGS, "headless": True, **({"executable_path": path} if path else {})}


@pytest.fixture(scope="session")
def launch_browser(launch_browser: Callable[..., Browser], playwright: Playwright) -> Callable[..., Browser]:
    """As the plugin does; where there is no browser at all, Playwright's own is brought in, or the test says what to install."""

    def launch(**more: Any) -> Browser:
        path = chromium() or playwright.chromium.executable_path
        if not Path(path).is_file():
            subprocess.run(["playwright", "install", "chromium"], check=False)
        if not Path(path).is_file():
            pytest.fail("these tests need Chromium: install the package `chromium`, or set KRAWALL_CHROMIUM to one")
        return launch_browser(**more)

    return launch


@pytest.fixture
def browser_context_args(browser_context_args: dict[str, Any], pages: Pages) -> dict[str, Any]:
    return {
        **browser_context_args,
        "base_url": pages.url,
        "reduced_motion": "reduce",
        "viewport": {"width": 1440, "height": 900},
    }


@pytest.fixture
def context(context: BrowserContext, overhear: Callable[[BrowserContext], list[str]]) -> Iterator[BrowserContext]:
    """Fails the test when a page of it wrote an error to its console or threw one. Expected ones: `forgive`."""
    said = overhear(context)
    context.forgiven = []  # type: ignore[attr-defined]
    yield context
    assert [words for words in said if not any(each in words for each in context.forgiven)] == []  # type: ignore[attr-defined]


@pytest.fixture(scope="session")
def overhear() -> Callable[[BrowserContext], list[str]]:
    """`overhear(context)` gives a list to which everything goes that its pages, open from now on, complain of."""

    def begin(context: BrowserContext) -> list[str]:
        said: list[str] = []

        def listen(page: Page) -> None:
            page.on(
                "console",
                lambda message: said.append(_words(message)) if message.type in ("error", "warning") else None,
            )
            page.on("pageerror", lambda error: said.append(str(error)))

        context.on("page", listen)
        return said

    return begin


def _words(message: ConsoleMessage) -> str:
    return f"{message.type}: {message.text} ({message.location.get('url', '')})"


@pytest.fixture
def forgive(context: BrowserContext) -> Callable[[str], None]:
    """Say which words an expected error of the console has."""
    return context.forgiven.append  # type: ignore[attr-defined, no-any-return]


@pytest.fixture(scope="session")
def axe_source() -> str:
    return (modules_of(ROOT) / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


@pytest.fixture
def violations(axe_source: str) -> Callable[..., list[str]]:
    """`violations(page)` gives what axe finds against WCAG 2.2 AA: rule, and where; `within` only there. `again`: by the
    rules alone whose answer changes with the theme and the width.
    """

    def look(page: Page, again: bool = False, within: str = "html") -> list[str]:
        if not page.evaluate("'axe' in window"):
            page.evaluate(axe_source + ";0")
        only = {"type": "rule", "values": OF_COLOURS_AND_ROOM} if again else {"type": "tag", "values": WCAG}
        asked = {"runOnly": only, "resultTypes": ["violations"]}
        found = page.evaluate("([within, asked]) => axe.run(within, asked)", [within, asked])
        return [
            f"{each['id']}: {node['target']} {node['failureSummary'].splitlines()[-1].strip()}"
            for each in found["violations"]
            for node in each["nodes"]
        ]

    return look


@pytest.fixture
def shot(request: pytest.FixtureRequest) -> Callable[[Page, str], None]:
    """Keep a picture in build/shots when KRAWALL_SHOTS is set, for a person to look at."""

    def take(page: Page, name: str) -> None:
        if os.environ.get("KRAWALL_SHOTS"):
            folder = ROOT / "build" / "shots"
            folder.mkdir(parents=True, exist_ok=True)
            page.screenshot(path=folder / f"{name}.png", full_page=True)

    return take


THEMES, WIDTHS = ("light", "dark"), (1440, 390)


@pytest.fixture
def looked_at(page: Page, violations: Callable[..., list[str]], shot: Callable[[Page, str], None]):
    """`looked_at(name)` finds nothing wrong with the open page, wide in light and narrow in dark, and keeps pictures of all four looks."""

    def look(name: str) -> None:
        for theme, width in ((theme, width) for theme in THEMES for width in WIDTHS):
            pictures = bool(os.environ.get("KRAWALL_SHOTS"))
            judged = (theme, width) in (("light", 1440), ("dark", 390))
            if not judged and not pictures:
                continue
            page.evaluate("theme => document.documentElement.dataset.theme = theme", theme)
            page.set_viewport_size({"width": width, "height": 900})
            shot(page, f"{name}-{theme}-{width}")
            if judged:
                assert violations(page, again=theme == "dark") == [], (name, theme, width)
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (name, width)
        page.set_viewport_size({"width": 1440, "height": 900})

    return look
