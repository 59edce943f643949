"""Units that people write: read, written back, refused with the right words."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krawall.model.base import format_duration, format_money, parse_duration, parse_money, parse_rate, parse_size
from krawall.model.scenario import parse_window
from krawall.model.spread import parse_spread

MS, S = 1_000_000, 1_000_000_000


@pytest.mark.parametrize(
    ("text", "ns"),
    [("250ms", 250 * MS), ("30s", 30 * S), ("1m30s", 90 * S), ("0", 0), (0, 0), ("1.5 s", 1500 * MS), ("2h", 7200 * S)],
)
def test_durations(text: object, ns: int) -> None:
    assert parse_duration(text) == ns


@pytest.mark.parametrize("text", ["30", 30, "s", "1x", "-1s", "1s nonsense", "", True, None, "12:30"])
def test_what_is_no_duration_is_refused_with_an_example(text: object) -> None:
    with pytest.raises(ValueError, match="30s"):
        parse_duration(text)


@given(st.integers(0, 10**15))
def test_a_duration_survives_its_text(ns: int) -> None:
    assert parse_duration(format_duration(ns)) == ns


@given(st.integers(0, 10**12))
def test_money_survives_its_text_to_a_millionth_of_a_micro_dollar(pico: int) -> None:
    assert parse_money(format_money(pico)) == pico


@pytest.mark.parametrize("text", ["2 EUR", "-1 USD", "lots", True, "1e9 USD", ""])
def test_what_is_no_money_is_refused(text: object) -> None:
    with pytest.raises(ValueError):
        parse_money(text)


@pytest.mark.parametrize(("text", "count"), [("500k", 500_000), ("1.5M", 1_500_000), (20, 20), ("20_000", 20_000)])
def test_sizes(text: object, count: int) -> None:
    assert parse_size(text) == count


@pytest.mark.parametrize(("text", "rate"), [("5/s", 5.0), ("300/m", 5.0), (2.5, 2.5), ("3600/h", 1.0)])
def test_rates(text: object, rate: float) -> None:
    assert parse_rate(text) == rate


@pytest.mark.parametrize("text", [-1, "fast", float("inf"), float("nan"), "5/year", True])
def test_what_is_no_rate_is_refused(text: object) -> None:
    with pytest.raises(ValueError):
        parse_rate(text)


@pytest.mark.parametrize("text", ["2s", "1s..4s", "normal(3s, 1s)", "exp(2s)", "lognormal(2s, 0.5)"])
def test_a_spread_survives_its_text_and_is_never_negative(text: str) -> None:
    spread = parse_spread(text)
    assert parse_spread(str(spread)) == spread
    rng = Random(1)
    assert all(spread.draw(rng) >= 0 for _ in range(1000))


@pytest.mark.parametrize("text", ["4s..1s", "normal(3s)", "exp(1s, 2s)", "lognormal(2s, fast)", "gauss(1s, 2s)"])
def test_what_is_no_spread_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_spread(text)


def test_the_mean_of_draws_is_the_mean() -> None:
    for text in ("1s..4s", "normal(3s, 500ms)", "exp(2s)", "lognormal(2s, 0.5)"):
        spread, rng = parse_spread(text), Random(7)
        assert sum(spread.draw(rng) for _ in range(20_000)) / 20_000 == pytest.approx(spread.mean(), rel=0.03)


@pytest.mark.parametrize("text", ["all", "last 6 turns", "2000 tokens"])
def test_windows_survive_their_text(text: str) -> None:
    assert str(parse_window(text)) == text


@pytest.mark.parametrize("text", ["last 0 turns", "some", "0 tokens"])
def test_what_is_no_window_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="last 6 turns"):
        parse_window(text)
