"""Components as HTML: what assistive technology and browsers without scripts get from them."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import htpy as h
import pytest
from hypothesis import given
from hypothesis import strategies as st

from krawall.web import ui
from krawall.web.frame import CSRF
from krawall.web.ui.icons import ICONS, Icon, icon
from krawall.web.ui.marks import WORDS


class Found(HTMLParser):
    """The start tags of some HTML, and its text."""

    def __init__(self, text: object) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(str(text))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def first(self, tag: str) -> dict[str, str | None]:
        return next(attributes for name, attributes in self.tags if name == tag)


@given(st.text(max_size=60))
def test_words_of_users_never_become_tags(text):
    made = [
        ui.button(text), ui.field(text, "name", text, help=text, error=text), ui.badge(text), ui.code(text, numbered=True),
        ui.toast(text), ui.tile(text, text, text), ui.empty(text, title=text), ui.breadcrumb([(text, "/"), (text, "")]),
        ui.dialog("id", text, text), ui.difference("+" + text), ui.tooltip(text, text),
        ui.table(text, [ui.Column(text)], [ui.Row([text], href="/x")]),
    ]  # fmt: skip
    usual = [
        ui.button("a"), ui.field("a", "name", "a", help="a", error="a"), ui.badge("a"), ui.code("a", numbered=True), ui.toast("a"),
        ui.tile("a", "a", "a"), ui.empty("a", title="a"), ui.breadcrumb([("a", "/"), ("a", "")]), ui.dialog("id", "a", "a"),
        ui.difference("+a"), ui.tooltip("a", "a"), ui.table("a", [ui.Column("a")], [ui.Row(["a"], href="/x")]),
    ]  # fmt: skip
    for strange, plain in zip(made, usual, strict=True):
        known = {tag for tag, _ in Found(plain).tags}
        assert {tag for tag, _ in Found(strange).tags} <= known


def test_an_error_belongs_to_its_field():
    found = Found(ui.field("Tokens", "max.tokens", "x", error="Must be a number", help="Per reply"))
    field = found.first("input")
    assert field["aria-invalid"] == "true"
    ids = {attributes.get("id") for _, attributes in found.tags}
    assert set((field["aria-describedby"] or "").split()) <= ids
    assert found.first("label")["for"] == field["id"]


def test_a_number_that_cannot_be_read_stays_as_it_was_typed():
    assert Found(ui.field("Tokens", "tokens", "4O", kind="number")).first("input")["value"] == "4O"


def test_a_button_that_cannot_be_pressed_says_why():
    found = Found(ui.button("Run", href="/run", disabled_because="Choose a target first"))
    assert "disabled" in found.first("button")
    assert "Choose a target first" in found.text


def test_a_bare_button_still_has_a_name():
    assert Found(ui.button("Copy", symbol="copy", bare=True)).first("button")["aria-label"] == "Copy"


def test_a_form_is_one_post_and_sends_its_token():
    found = Found(CSRF.provider("secret", ui.form("/targets", h.p["words"])))
    form = found.first("form")
    assert (form["method"], form["action"], form["hx-post"]) == ("post", "/targets", "/targets")
    assert found.first("input") == {"type": "hidden", "name": "csrf", "value": "secret"}
    assert "input" not in {tag for tag, _ in Found(ui.form("/targets")).tags}


def test_a_danger_starts_on_cancel_and_names_the_deed():
    found = Found(ui.confirm("gone", "Delete Bot?", consequence="All of it.", action="/x/delete", deed="Delete target"))
    buttons = [attributes for tag, attributes in found.tags if tag == "button"]
    assert ["autofocus" in attributes for attributes in buttons] == [True, False]
    assert "Delete target" in found.text


@pytest.mark.parametrize("word", [*WORDS, "something_new"])
def test_a_state_is_a_word_and_never_that_of_an_enum(word):
    text = Found(ui.status(word)).text
    assert text[0].isupper()
    assert "_" not in text


@given(st.integers(min_value=-(10**18), max_value=10**18))
def test_how_long_ago_is_short_and_says_its_unit(ns):
    text = ui.ago(ns)
    assert text == "just now" or re.fullmatch(r"(in )?\d+ (s|min|h|days?)( ago)?", text)
    assert len(text) < 20


@pytest.mark.parametrize(
    ("ns", "text"),
    [(4e9, "just now"), (42e9, "42 s ago"), (192e9, "3 min ago"), (86_400e9, "1 day ago"), (-7_300e9, "in 2 h")],
)
def test_how_long_ago(ns, text):
    assert ui.ago(int(ns)) == text


def test_the_order_in_force_is_told():
    columns = [ui.Column("Name", "name"), ui.Column("p95", "p95", number=True), ui.Column("Status")]
    found = Found(ui.table("Sessions", columns, [], sort="-p95", link=lambda key: f"?sort={key}"))
    heads = [attributes.get("aria-sort") for tag, attributes in found.tags if tag == "th"]
    assert heads == [None, "descending", None]


def test_a_row_says_what_each_number_is_where_there_is_no_header():
    columns = [ui.Column("Name"), ui.Column("p95", number=True)]
    found = Found(ui.table("Sessions", columns, [ui.Row(["Late parcel", "12 ms"], href="/sessions/1")]))
    assert [attributes.get("data-label") for tag, attributes in found.tags if tag == "td"] == [None, "p95"]


@pytest.mark.parametrize("name", ICONS)
def test_every_icon_is_in_the_sprite(name: Icon):
    from krawall.web.assets import assets

    assert f'<symbol id="{name}" viewBox="0 0 24 24"><' in assets()["icons.svg"].body.decode()
    assert Found(icon(name)).first("svg")["aria-hidden"] == "true"
