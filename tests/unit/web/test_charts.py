"""Charts of pages: every picture is well-formed, holds no style and no script, keeps every count, and is told in words."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krawall.archive.spread import Spread
from krawall.web import charts

CELLS = st.lists(
    st.tuples(st.integers(0, 59), st.integers(-20, 100), st.integers(1, 10**6)), min_size=1, max_size=60, unique_by=lambda c: c[:2]
)  # fmt: skip


def parsed(made: str) -> ElementTree.Element:
    assert "style=" not in made
    assert "<script" not in made
    return ElementTree.fromstring(made.replace("&nbsp;", " "))


def tips(root: ElementTree.Element) -> list[str]:
    return [each.get("data-tip", "") for each in root.iter() if each.get("data-tip")]


@given(CELLS)
def test_a_heatmap_keeps_every_turn(cells):
    root = parsed(charts.heatmap(Spread(2.0, 20, sorted(cells))))
    told = [int(re.search(r"([\d,]+) turn", tip)[1].replace(",", "")) for tip in tips(root)]
    assert sum(told) == sum(turns for _, _, turns in cells)
    assert {each.get("class") for each in root.iter() if "heat" in (each.get("class") or "")} <= {
        f"heat h-{shade}" for shade in range(1, charts.SHADES + 1)
    }
    boxes = [each for each in root.iter() if "heat" in (each.get("class") or "")]
    table = [int((cell.text or "").replace(",", "")) for cell in root.findall(".//td[@class='n']")]
    assert sum(table) == sum(told)
    assert all(-0.01 <= float(each.get("y", "")) <= charts.HEIGHT for each in boxes)


@given(CELLS)
def test_a_histogram_is_drawn_of_anything(cells):
    root = parsed(charts.histogram(Spread(1.0, 20, cells), {"p50": 100.0}))
    assert root.findall(".//rect")
    assert sum(int((cell.text or "").replace(",", "")) for cell in root.findall(".//td[2]")) == sum(
        n for _, _, n in cells
    )


@given(st.lists(st.tuples(st.text("ab<&", min_size=1, max_size=4), st.integers(0, 10**9)), min_size=1, max_size=12))
def test_a_ring_shares_the_whole(parts):
    if not sum(value for _, value in parts):
        return
    root = parsed(charts.ring("tokens", "Tokens", parts, "tokens"))
    numbers = [int((cell.text or "").replace(",", "")) for cell in root.findall(".//td[1]")]
    assert sum(numbers) == sum(value for _, value in parts)
    assert len(numbers) <= charts.MOST_KINDS


@pytest.mark.parametrize(
    ("number", "text"),
    [(812, "812"), (9999, "9,999"), (51240, "51.2k"), (165468, "165k"), (3.1e6, "3.1M"), (2e9, "2.0G")],
)
def test_short_numbers(number, text):
    assert charts.short(number) == text
