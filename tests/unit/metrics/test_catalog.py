"""The catalog covers what the tally records, and the reference page is generated from it."""

from __future__ import annotations

from pathlib import Path

from krawall.metrics.catalog import COUNTABLE, METRICS, Group, Kind, distributions, to_markdown
from krawall.metrics.tally import Tally
from krawall.model.exchange import Exchange, FaultKind, Told, Usage

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "metrics.md"


def test_the_reference_page_equals_the_catalog() -> None:
    assert PAGE.read_text() == to_markdown(), "write it again with krawall.metrics.catalog.to_markdown()"


def test_every_histogram_that_a_tally_makes_is_in_the_catalog_and_the_other_way_round() -> None:
    made = Tally()
    times = dict.fromkeys(
        ("sent_ns", "done_ns", "byte_ns", "event_ns", "token_ns", "seen_ns", "last_ns", "connect_ns"), 9
    )
    usage = Usage(1, 2)
    made.add(
        Exchange(1, 1, 1, 1, "measure", "steps.0", 1, 1, usage=usage, events=2, gaps_us=[1], repetition=0.1, **times)
    )
    made.add(Told(1, 1, "measure", 0, 0, 1, "completed"))
    assert set(made.view().histograms) == {metric.name for metric in distributions()}


def test_every_fault_has_a_share_of_its_own() -> None:
    shares = {name for name, metric in METRICS.items() if metric.kind is Kind.share}
    assert {f"errors.{kind}" for kind in FaultKind} < shares
    assert set(COUNTABLE) <= METRICS.keys()


def test_groups_decide_between_performance_quality_and_cost() -> None:
    of = {name: metric.group for name, metric in METRICS.items()}
    quality = {"checks", "repetition", "errors.expectation"}
    cost = {
        "cost",
        "cost_per_conversation",
        "tokens_per_conversation",
        "tokens.input",
        "tokens.output",
        "amplification",
    }
    assert {name for name, group in of.items() if group is Group.quality} == quality
    assert {name for name, group in of.items() if group is Group.cost} == cost


def test_every_metric_has_a_meaning_and_a_table_safe_text() -> None:
    for metric in METRICS.values():
        assert metric.meaning
        assert metric.per_unit >= 1
        assert "|" not in metric.meaning + metric.others
