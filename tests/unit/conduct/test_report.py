"""The report is one file that needs nothing but itself, says the verdict first, and shows hostile text as text."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from krawall.conduct.report import SampleConversation, SampleTurn, html
from krawall.conduct.report_style import STYLE, TOKENS
from krawall.model.summary import Conversations, Gap, Generator, Judged, Part, Pause

HOSTILE = "</script></style></title><img src=x onerror=alert(1)><script src='https://evil.test/x.js'></script>\"'`${7*7}\x1b[31m\u202egnp"
VOID = {"meta", "link", "br", "hr"}


class Page(HTMLParser):
    """A parsed page: its elements with attributes, its text, and whether every element was closed in turn."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not self.open or self.open[-1] != "style":
            self.words.append(data)

    @property
    def tags(self) -> list[str]:
        return [tag for tag, _ in self.elements]

    @property
    def text(self) -> str:
        return "".join(self.words)


@pytest.fixture
def page(summary, points, samples, buckets, plan) -> str:
    return html(summary, points, plan_yaml=plan, samples=samples, latency_buckets=buckets, cost_cap_usd=1.0)


def hold_no_reference(page: Page) -> None:
    assert not set(page.tags) & {
        "script",
        "img",
        "iframe",
        "object",
        "embed",
        "base",
        "form",
        "audio",
        "video",
        "image",
        "use",
    }
    for tag, attributes in page.elements:
        for name, value in attributes.items():
            assert not name.startswith("on"), (tag, name)
            assert name not in ("src", "srcset", "action", "xlink:href", "style")
            if name == "href":
                assert value in ("data:,", "#main")
    assert page.open == []


def test_the_page_needs_nothing_but_itself(page):
    parsed = Page(page)
    hold_no_reference(parsed)
    policy = [attributes for tag, attributes in parsed.elements if attributes.get("http-equiv")]
    assert policy[0]["content"] == "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    assert not re.search(r"https?:|url\(|@import|expression\(", STYLE)


def test_every_variable_that_the_style_uses_is_a_token(page):
    used = set(re.findall(r"var\((--[\w-]+)\)", page))
    assert used - set(re.findall(r"(--[\w-]+):", TOKENS)) <= {"--c", "--k", "--k-soft"}


def test_what_it_is_and_how_it_went_come_first(page):
    text = Page(page).text
    order = [
        "Late parcel",
        "http://127.0.0.1:8080/v1/chat/completions",
        "Failed",
        "p95(ttft) is 508.8 ms, the limit is < 400 ms",
    ]
    order += ["Turns per second", "Thresholds", "Over time", "Response time by second", "Metrics of the measure phase"]
    order += ["By phase", "By step", "By turn", "Conversations to read", "The generator", "How to repeat it"]
    at = 0
    for words in order:
        found = text.find(words, at)
        assert found >= 0, words
        at = found
    assert "48" in text
    assert "of 2,502 attempts (1.92\u00a0%)" in text
    assert "krawall run plan.yaml --seed 4711" in text
    assert "b3f2a9c41d7e" in text
    assert "p95(latency) < 2s" in text


def test_it_can_be_read_without_seeing_it(page):
    parsed = Page(page)
    assert parsed.tags.count("h1") == 1
    assert {"header", "main", "footer"} <= set(parsed.tags)
    for tag, attributes in parsed.elements:
        if tag == "th":
            assert attributes.get("scope") in ("col", "row")
    ids = [attributes["id"] for _, attributes in parsed.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    refs = {
        attributes[name]
        for _, attributes in parsed.elements
        for name in ("aria-labelledby", "aria-describedby")
        if name in attributes
    }
    assert refs <= set(ids)
    regions = [attributes for _, attributes in parsed.elements if attributes.get("role") == "region"]
    assert regions
    assert all(region.get("aria-label") and region.get("tabindex") == "0" for region in regions)
    levels = [int(tag[1]) for tag in parsed.tags if re.fullmatch(r"h[1-6]", tag)]
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_hostile_text_is_text(altered, points, buckets):
    parts = [Part(HOSTILE, 3, {HOSTILE: 1}, {})]
    changed = altered(
        name=HOSTILE, target=HOSTILE, reason=HOSTILE, outcome=HOSTILE, verdict=HOSTILE, session=HOSTILE, directory=HOSTILE,
        plan_hash=HOSTILE, started_at=HOSTILE, errors={HOSTILE: 2}, statuses={HOSTILE: 1}, injected={HOSTILE: 1},
        checks={HOSTILE: [1, 1]}, lost={HOSTILE: 3}, phases=parts, steps=parts, turn_parts=parts, metrics={},
        thresholds=[Judged(HOSTILE, 1.0, HOSTILE, HOSTILE)], generator=Generator(valid=False, why=HOSTILE),
    )  # fmt: skip
    sample = SampleConversation(1, HOSTILE, [SampleTurn(HOSTILE, HOSTILE, 1.0, 1.0, HOSTILE)])
    text = html(changed, points, plan_yaml=HOSTILE, samples=[sample], latency_buckets=buckets)
    parsed = Page(text)
    hold_no_reference(parsed)
    assert "<img src=x onerror=alert(1)>" in parsed.text
    assert "\x1b" not in text
    assert "\u202e" not in text


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
@given(st.text(), st.text())
def test_any_text_leaves_the_page_whole(altered, name, heard):
    sample = SampleConversation(1, name, [SampleTurn(name, heard, None, None, name)])
    text = html(altered(name=name), [], plan_yaml=heard, samples=[sample], latency_buckets=[])
    hold_no_reference(Page(text))


def test_a_session_that_did_nothing_has_a_report(altered, plan):
    empty = altered(
        metrics={}, phases=[], steps=[], turn_parts=[], thresholds=[], turns=0, attempts=0, errors={}, statuses={}, injected={},
        checks={}, conversations=Conversations(), verdict="none", outcome="failed", reason="the session was cut off before its end",
        started_at="", cost_usd=0.0,
    )  # fmt: skip
    parsed = Page(html(empty, [], plan_yaml=plan, samples=[], latency_buckets=[]))
    hold_no_reference(parsed)
    assert "Not judged" in parsed.text
    assert "Failed: the session was cut off before its end" in parsed.text
    assert "not measured" in parsed.text
    assert "Over time" not in parsed.text


def test_a_generator_that_was_the_bottleneck_is_the_first_reason(altered, plan):
    late = Generator(
        loop_lag_p99_ms=212, cpu=1.02, valid=False, why="the generator was the bottleneck: 212 ms late at p99"
    )
    parsed = Page(html(altered(verdict="invalid", generator=late), [], plan_yaml=plan, samples=[], latency_buckets=[]))
    text = parsed.text
    assert text.index("The generator was the bottleneck: 212 ms") < text.index("p95(ttft) is 508.8 ms")
    assert "102 % of one core" in text


def test_long_messages_are_cut_and_say_so(summary, plan):
    sample = SampleConversation(1, "completed", [SampleTurn("hi", "a" * 9000)])
    text = Page(html(summary, [], plan_yaml=plan, samples=[sample], latency_buckets=[])).text
    assert "(5,000 more characters in the log)" in text


def test_gaps_and_pauses_are_told_and_only_when_there_are_any(altered, summary, points, plan):
    gaps = [Gap(2, 12.04, 14.26, "its engine process died"), Gap(0, 50.0, None, "its worker is gone")]
    page = html(altered(gaps=gaps, pauses=[Pause(20.0, 31.5)]), points, plan_yaml=plan, samples=[], latency_buckets=[])
    text = Page(page).text
    assert "Shard 2 was not played" in text
    assert "12.0 s" in text
    assert "14.3 s" in text
    assert "the end" in text
    assert "its worker is gone" in text
    assert "The session was paused" in text
    assert "31.5 s" in text
    assert "Gaps and pauses" not in Page(html(summary, points, plan_yaml=plan, samples=[], latency_buckets=[])).text


def _luminance(colour: str) -> float:
    digits = colour.lstrip("#")
    pairs = [digits[i : i + 2] for i in (0, 2, 4)] if len(digits) == 6 else [c * 2 for c in digits]
    linear = [
        (v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4) for v in (int(pair, 16) / 255 for pair in pairs)
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("ink", "paper", "least"),
    [("text", "bg", 4.5), ("muted", "sunken", 4.5), ("muted", "bg", 4.5), ("ok", "ok-soft", 4.5), ("bad", "bad-soft", 4.5),
     ("warn", "warn-soft", 4.5), ("info", "info-soft", 4.5), ("surface", "bad", 3), ("p50", "surface", 3), ("c2", "surface", 3)],
)  # fmt: skip
def test_colours_have_enough_contrast(theme, ink, paper, least):
    """WCAG 2.2, 1.4.3 and 1.4.11; relative luminance as defined there."""
    tokens = {name: pair for name, *pair in re.findall(r"--([\w-]+): light-dark\((#\w+), (#\w+)\)", TOKENS)}
    one, other = sorted((_luminance(tokens[ink][theme]), _luminance(tokens[paper][theme])))
    assert (other + 0.05) / (one + 0.05) >= least
