"""What the pages weigh and how long they take: `python bench/pages.py [--quick]`. Figures on stdout beside the limits, nothing is judged.

Times are medians in a real Chromium against a real server in this process, with fixed data; the machine's load is said first.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import httpx2
from playwright.sync_api import Browser, Page, sync_playwright

from krawall.settings import Settings
from krawall.testing.pages import Pages, serving
from krawall.testing.shown import fill, places
from krawall.testing.valkeys import valkey_server

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WATCH = """() => {
    window.seen = { lcp: 0, cls: 0 }
    new PerformanceObserver(list => { for (const each of list.getEntries()) window.seen.lcp = each.startTime }).observe({ type: 'largest-contentful-paint', buffered: true })
    new PerformanceObserver(list => { for (const each of list.getEntries()) if (!each.hadRecentInput) window.seen.cls += each.value }).observe({ type: 'layout-shift', buffered: true })
}"""
PAINTED = """deed => new Promise(done => {
    const began = performance.now()
    document.addEventListener('htmx:after:swap', () => requestAnimationFrame(() => setTimeout(() => done(performance.now() - began))), { once: true })
    deed === 'type' ? type() : document.querySelector(deed).click()
    function type() {
        const field = [...document.querySelectorAll('#inspector textarea, #inspector input[type=text]')].find(each => each.checkVisibility())
        field.value += ' x'
        field.dispatchEvent(new Event('change', { bubbles: true }))
    }
})"""


def say(what: str, value: str, limit: str = "") -> None:
    """Write one figure."""
    print(f"{what:<58} {value:>14}  {limit}", flush=True)


def median(times: int, measure: Callable[[], float]) -> float:
    """Return the median of some measurements."""
    return statistics.median(measure() for _ in range(times))


def weights(browser: Browser, url: str, pages: dict[str, str]) -> None:
    """Bytes over the wire and requests of a cold load, font included."""
    for name, limit in (
        ("dashboard", "90 KB"),
        ("targets", "90 KB"),
        ("scenario", "90 KB"),
        ("session-passed", "120 KB"),
        ("session-running", "120 KB"),
    ):
        context = browser.new_context(base_url=url)
        page = context.new_page()
        session = context.new_cdp_session(page)
        session.send("Network.enable")
        sizes: list[float] = []
        session.on("Network.loadingFinished", lambda event, sizes=sizes: sizes.append(event["encodedDataLength"]))
        page.goto(pages[name])
        page.wait_for_load_state("load")
        page.wait_for_timeout(500)
        say(f"cold load, {name}", f"{sum(sizes) / 1000:.1f} KB", f"{limit}; {len(sizes)} requests")
        context.close()


def paints(browser: Browser, url: str, pages: dict[str, str], times: int) -> None:
    """Largest contentful paint of a cold load, and what moved while it came."""
    for name in ("dashboard", "session-passed", "scenario"):
        for slower, limit in ((1, "300 ms"), (4, "600 ms")):
            moved: list[float] = []

            def once(name: str = name, slower: int = slower, moved: list[float] = moved) -> float:
                context = browser.new_context(base_url=url, viewport={"width": 1440, "height": 900})
                page = context.new_page()
                context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": slower})
                page.goto(pages[name])
                page.evaluate(WATCH)
                page.wait_for_timeout(600)
                seen = page.evaluate("window.seen")
                moved.append(seen["cls"])
                context.close()
                return float(seen["lcp"])

            say(f"largest paint, {name}, processor {slower} x slower", f"{median(times, once):.0f} ms", limit)
            say(f"layout shift, {name}, processor {slower} x slower", f"{max(moved):.4f}", "0.02")


def servers(url: str, pages: dict[str, str], times: int) -> None:
    """Time of the server for every page, from the first byte asked to the last one here."""
    with httpx2.Client(base_url=url, headers={"Accept": "text/html", "Accept-Encoding": "gzip"}) as client:
        for name, path in pages.items():
            client.get(path)

            def once(path: str = path) -> float:
                began = time.perf_counter()
                client.get(path)
                return (time.perf_counter() - began) * 1000

            say(f"server, {name}", f"{median(times, once):.1f} ms", "30 ms")


def palette(page: Page, path: str, times: int) -> None:
    """From the keys to the palette on the screen."""
    page.goto(path)
    opened = """() => new Promise(done => { const began = performance.now()
        document.querySelector('[data-palette]').click()
        requestAnimationFrame(() => setTimeout(() => { done(performance.now() - began); document.querySelector('#palette').close() })) })"""
    say("palette", f"{median(times, lambda: float(page.evaluate(opened))):.0f} ms", "50 ms")


def edits(page: Page, server: Pages, times: int) -> None:
    """From a key or a button to the painted answer, in scenarios of 50 and 200 steps."""
    for steps, limit in ((50, "60 ms"), (200, "120 ms")):
        texts = "\n".join(f"  - message: Message {number}" for number in range(steps))

        async def draft(app: object, texts: str = texts, steps: int = steps) -> str:
            made = await app.drafts.open(None, "local")  # type: ignore[attr-defined]
            await app.drafts.write(made.id, "local", f"name: Of {steps} steps\nsteps:\n{texts}\n")  # type: ignore[attr-defined]
            return str(made.id)

        page.goto(f"/scenarios/{server.do(draft)}")
        page.locator(".step").nth(min(steps, 30)).click()
        page.wait_for_timeout(500)
        say(
            f"builder, typing, {steps} steps",
            f"{median(times, lambda: float(page.evaluate(PAINTED, 'type'))):.0f} ms",
            limit,
        )


def main() -> None:
    """Measure everything."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="three of each instead of nine")
    times = 3 if parser.parse_args().quick else 9
    say("load of this machine", f"{os.getloadavg()[0]:.1f}", f"{os.cpu_count()} cores")
    with valkey_server() as valkey, tempfile.TemporaryDirectory() as home:
        settings = Settings(data=Path(home), redis=valkey.url, worker=False, requests_per_s=100_000)
        with serving(settings) as server, sync_playwright() as driver:
            pages = places(server.do(fill))
            browser = driver.chromium.launch(
                executable_path=os.environ.get("KRAWALL_CHROMIUM") or shutil.which("chromium"), args=FLAGS
            )
            weights(browser, server.url, pages)
            paints(browser, server.url, pages, times)
            servers(server.url, pages, times)
            page = browser.new_page(base_url=server.url, viewport={"width": 1440, "height": 900})
            palette(page, pages["targets"], times)
            edits(page, server, times)
            browser.close()


if __name__ == "__main__":
    main()
