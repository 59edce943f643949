"""Every form of every page, when the server is away, breaks or refuses: what was typed stays, somebody says why, and it can be tried again."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest
from playwright.sync_api import Page, Route, expect

from krawall.testing.pages import Pages
from krawall.testing.shown import EMPTY, Shown, fill, places

TYPED = "typed <b>&amp; kept"
WITH_FORMS = (
    "gallery", "dashboard", "target-new-mock", "target", "target-copy", "target-revisions", "target-edit", "target-echo-edit", "scenarios", "scenarios-import",
    "template", "scenario", "scenario-branching", "scenario-settings", "scenario-yaml", "scenario-preview", "scenario-revisions", "scenario-draft",
    "session-new", "session-queued", "session-running", "session-passed",
)  # fmt: skip
"""Pages whose forms are not all on another page of the list."""
FORMS = """() => [...document.querySelectorAll('form[method=post]')].map((form, at) => {
    form.dataset.at = at
    return { at, action: form.getAttribute('action'), partial: form.hasAttribute('hx-post') || !!form.closest('[data-tried]'),
             fields: [...form.elements].filter(each => each.name && each.type !== 'submit').map(each => [each.name, each.type, each.value, each.checked ?? true]) }
})"""
OPEN = """at => {
    const form = document.querySelector(`form[data-at="${at}"]`)
    for (let up = form; up; up = up.parentElement) {
        if (up instanceof HTMLDialogElement && !up.open) up.showModal()
        if (up instanceof HTMLDetailsElement) up.open = true
        if (up.popover && !up.matches(':popover-open')) up.showPopover()
    }
}"""
CLOSE = """() => {
    for (const each of document.querySelectorAll('dialog[open]')) each.close()
    for (const each of document.querySelectorAll('#toasts .toast')) each.remove()
}"""


@pytest.fixture(scope="module")
def shown(pages: Pages) -> Shown:
    return pages.do(fill)


@pytest.fixture(scope="module")
def tried() -> set[str]:
    """Forms that had their turn: most stand on many pages."""
    return set()


def where(shown: Shown, name: str) -> str:
    return {**EMPTY, **places(shown)}[name]


def kind_of(action: str) -> str:
    """An address without what differs from thing to thing."""
    return re.sub(r"(tgt|scn|ses|dft)_\w+|/\d+(?=/|$)", "ID", action)


class Away:
    """Answers what a page posts: first the connection breaks, then the server does, then all is well. `sent`: what came."""

    def __init__(self, page: Page) -> None:
        self.sent: list[str] = []
        self.how = "abort"
        page.route("**/*", self._answer)

    def _answer(self, route: Route) -> None:
        if route.request.method != "POST":
            route.continue_()
            return
        self.sent.append(re.sub(r"WebKitFormBoundary\w+", "boundary", route.request.post_data or ""))
        if self.how == "abort":
            route.abort()
        elif self.how == "broken":
            body = '{"detail": "the disk is full", "hint": "make room", "status": 500}'
            route.fulfill(status=500, content_type="application/problem+json", body=body, headers={"HX-Reswap": "none"})
        else:
            route.fulfill(status=204)


@pytest.mark.parametrize("name", WITH_FORMS)
def test_a_form_that_fails_loses_nothing_and_can_be_tried_again(page: Page, forgive, shown, tried, name):
    for words in ("Failed to load resource", "ERR_FAILED", "htmx", "Failed to fetch", "TypeError"):
        forgive(words)
    page.goto(where(shown, name))
    away = Away(page)
    for form in page.evaluate(FORMS):
        kind = kind_of(form["action"])
        if kind in tried or not form["partial"]:
            continue
        tried.add(kind)
        away.how = "abort"
        page.evaluate(OPEN, form["at"])
        own = page.locator(f'form[data-at="{form["at"]}"]')
        kept = _type(own)
        own.evaluate("form => form.requestSubmit(form.querySelector('button[type=submit], button:not([type])'))")
        toasts = page.locator("#toasts")
        expect(toasts.get_by_text("The server does not answer").first, kind).to_be_visible()
        assert _values(own) == kept, kind
        away.how = "broken"
        toasts.get_by_role("button", name="Try again").first.click()
        expect(toasts.get_by_text("the disk is full").first, kind).to_be_visible()
        assert _values(own) == kept, kind
        away.how = "well"
        before = len(away.sent)
        toasts.get_by_role("button", name="Try again").last.click()
        _until(page, lambda before=before: len(away.sent) > before)
        assert away.sent[-1] == away.sent[before - 1], kind
        page.evaluate(CLOSE)


def _type(form: Any) -> dict[str, str]:
    """Type into every field that is seen, without asking the server meanwhile, and return what stands in the form."""
    form.evaluate(
        """(form, typed) => { for (const each of form.elements)
            if (each.matches('textarea, input[type=text], input[type=url], input[type=password], input[type=search]') && each.checkVisibility() && !each.readOnly && !each.disabled)
                each.value = typed }""",
        TYPED,
    )
    return _values(form)


def _values(form: Any) -> dict[str, str]:
    return dict(form.evaluate("form => [...new FormData(form)].map(([name, value]) => [name, String(value)])"))


def _until(page: Page, holds: Callable[[], bool]) -> None:
    for _ in range(200):
        if holds():
            return
        page.wait_for_timeout(25)
    raise AssertionError("nothing was sent")


@pytest.fixture
def client(pages: Pages) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=pages.url, headers={"Accept": "text/html,*/*"}, follow_redirects=False) as made:
        yield made


def test_nonsense_in_a_form_is_an_answer_and_what_was_refused_stands_in_it(page: Page, client, shown):
    """No form makes the server fail, and one that is refused comes back with what was typed."""
    seen: set[str] = set()
    lost: list[str] = []
    for name in WITH_FORMS:
        page.goto(where(shown, name))
        for form in page.evaluate(FORMS):
            written = [field for field, kind, *_ in form["fields"] if kind in ("text", "textarea", "url", "search")]
            if kind_of(form["action"]) in seen or not written:
                continue
            seen.add(kind_of(form["action"]))
            data = {
                field: value
                for field, kind, value, on in form["fields"]
                if kind not in ("checkbox", "radio", "file") or on
            }
            answer = client.post(form["action"], data={**data, **dict.fromkeys(written, TYPED)})
            assert answer.status_code < 500, (form["action"], answer.text[:500])
            if answer.status_code == 422:
                lost += [
                    f"{form['action']} {field}"
                    for field in written
                    if "typed &lt;b&gt;&amp;amp; kept" not in answer.text
                ]
    assert lost == []
