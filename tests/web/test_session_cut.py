"""The network between browser and server is cut in the middle of a session and comes back: nothing is lost, nothing is doubled."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import pytest
from playwright.sync_api import Page, expect

from krawall.testing.installation import Installation, free_port, furnish

COUNTING = """() => {
    window.seen = []
    const Source = window.EventSource
    window.EventSource = class extends Source {
        constructor(...given) { super(...given); this.addEventListener("event", each => seen.push(Number(each.lastEventId))) }
    }
}"""
"""Notes the number of every event that reaches the page, whatever the page does with it."""


class Wire:
    """A proxy of loopback that can be cut: connections are reset and new ones refused until `mend`."""

    def __init__(self, to: int) -> None:
        self._to = to
        self.port = free_port()
        self._lock = threading.Lock()
        self._ends: set[socket.socket] = set()
        self._listening: socket.socket | None = None
        self.mend()

    def mend(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, args=(self._listening,), daemon=True).start()

    def cut(self) -> None:
        listening, self._listening = self._listening, None
        if listening is not None:
            with suppress(OSError):
                listening.shutdown(socket.SHUT_RDWR)
            listening.close()
        with self._lock:
            for end in self._ends:
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def _accept(self, listening: socket.socket) -> None:
        with suppress(OSError):
            while True:
                near, _ = listening.accept()
                far = socket.create_connection(("127.0.0.1", self._to))
                with self._lock:
                    self._ends |= {near, far}
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=self._pass, args=(one, other), daemon=True).start()

    def _pass(self, one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while data := one.recv(65_536):
                other.sendall(data)
        for end in (one, other):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        with self._lock:
            self._ends.discard(one)
        one.close()


@dataclass
class Running:
    """A whole installation behind a wire. `url`: of its pages, through the wire."""

    installation: Installation
    wire: Wire
    url: str


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Installation(tmp_path_factory.mktemp("cut")) as made:
        port = free_port()
        made.serve(port)
        furnish(made)
        wire = Wire(port)
        yield Running(made, wire, f"http://127.0.0.1:{wire.port}")
        wire.cut()


def test_after_a_cut_the_page_has_every_event_once_every_second_and_every_message(page: Page, pages: Running, forgive):
    forgive("net::ERR_")  # the cut itself
    made = pages.installation
    started = made.post("/sessions", {"scenario": "Late parcel", "target": "Support bot", "name": "Cut"})
    id = started["id"]
    page.add_init_script(f"({COUNTING})()")
    page.goto(f"/sessions/{id}")
    expect(page.locator(".head").get_by_text("Running")).to_be_visible(timeout=60_000)
    expect(page.locator("time-chart[kind=latency] canvas")).to_be_visible(timeout=20_000)
    expect(page.locator(".log-row").first).to_contain_text("#", timeout=20_000)

    pages.wire.cut()
    expect(page.get_by_text("Reconnecting, last update")).to_be_visible(timeout=15_000)
    before = page.locator('[data-live-value="turns"]').text_content()
    made.post(f"/sessions/{id}/adjust", {"users": 4})
    made.post(f"/sessions/{id}/pause", {})
    made.post(f"/sessions/{id}/resume", {})
    second = max(each["second"] for each in made.get(f"/sessions/{id}/ticks")["items"])
    made.until(lambda: made.get(f"/sessions/{id}/ticks?since={second + 3}")["items"])
    assert page.locator('[data-live-value="turns"]').text_content() == before  # dimmed, but there
    assert page.locator("live-session[stale]").count() == 1

    pages.wire.mend()
    expect(page.locator("#stale")).to_be_hidden(timeout=20_000)
    expect(page.locator('[data-live-value="users"]')).to_have_text("4", timeout=20_000)
    shown = page.locator("live-session").evaluate("each => [...each.seconds.keys()]")
    kept = [each["second"] for each in made.get(f"/sessions/{id}/ticks?limit=5000")["items"]]
    assert set(shown) >= {each for each in kept if min(shown) <= each <= max(shown)}  # the hole is filled

    page.get_by_role("button", name="Stop now").click()
    page.get_by_role("dialog").get_by_role("button", name="Stop now").click()
    expect(page.locator(".head").get_by_text("Cancelled")).to_be_visible(timeout=30_000)

    happened = [each["number"] for each in made.get(f"/sessions/{id}/events")["items"]]
    seen = page.evaluate("seen")
    assert len(seen) == len(set(seen))  # none twice
    assert set(seen) >= {number for number in happened if number > min(seen)}  # none left out
    expect(page.locator("time-chart[kind=latency] canvas")).to_be_visible()
    kept = [each["second"] for each in made.get(f"/sessions/{id}/ticks?limit=5000")["items"]]
    assert page.locator("live-session").evaluate("each => [...each.seconds.keys()].sort((a, b) => a - b)") == kept

    page.get_by_role("link", name="Messages", exact=True).click()
    newest = made.get(f"/sessions/{id}/messages?limit=1")["newest"]
    expect(page.locator("#log-count")).to_have_text(f"{newest + 1:,} messages", timeout=20_000)
