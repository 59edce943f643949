"""Distributions as text."""

from random import Random
from statistics import fmean, median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krawall.mockbot.spread import Spread, count, duration


@pytest.mark.parametrize(
    ("text", "spread"),
    [
        ("50ms", Spread("fixed", 50e6)),
        ("0", Spread("fixed", 0)),
        ("1.5s", Spread("fixed", 1.5e9)),
        ("250us", Spread("fixed", 250e3)),
        (" 20ms .. 80ms ", Spread("uniform", 20e6, 80e6)),
        ("normal(50ms, 10ms)", Spread("normal", 50e6, 10e6)),
        ("exp(20ms)", Spread("exp", 20e6)),
        ("lognormal(50ms, 0.5)", Spread("lognormal", 50e6, 0.5)),
    ],
)
def test_durations_are_read_in_nanoseconds(text: str, spread: Spread) -> None:
    assert spread == duration(text)


def test_numbers_of_tokens_have_no_unit() -> None:
    assert Spread("uniform", 8, 64) == count("8..64")
    with pytest.raises(ValueError, match=r"24ms.*no unit"):
        count("24ms")


@pytest.mark.parametrize(
    "text",
    ["", "50", "50 parsecs", "-5ms", "80ms..20ms", "exp()", "normal(5ms)", "gamma(1ms, 2ms)", "1ms..", "exp(1ms"],
)
def test_what_cannot_be_read_is_refused_with_the_text(text: str) -> None:
    with pytest.raises(ValueError, match=r"^'" + text[:3].replace("(", r"\(").replace(".", r"\.")):
        duration(text)


@given(st.sampled_from(["7us", "1us..9us", "normal(2us, 9us)", "exp(4us)", "lognormal(3us, 2)"]), st.integers())
def test_draws_are_whole_and_never_negative_and_repeat_with_the_seed(text: str, seed: int) -> None:
    spread = duration(text)
    drawn = [spread.draw(rng) for rng in [Random(seed)] for _ in range(20)]
    assert all(isinstance(value, int) and value >= 0 for value in drawn)
    assert drawn == [spread.draw(rng) for rng in [Random(seed)] for _ in range(20)]


@given(st.integers(0, 1000), st.integers(0, 1000), st.integers())
def test_a_range_includes_both_ends_and_nothing_else(low: int, width: int, seed: int) -> None:
    rng = Random(seed)
    assert all(low <= count(f"{low}..{low + width}").draw(rng) <= low + width for _ in range(20))


def test_a_fixed_value_leaves_the_generator_alone() -> None:
    rng = Random(1)
    before = rng.getstate()
    assert duration("3ms").draw(rng) == duration("3ms").fixed == 3_000_000
    assert before == rng.getstate()


def test_means_and_medians_are_those_written() -> None:
    rng = Random(7)
    assert fmean(duration("exp(20ms)").draw(rng) for _ in range(20_000)) == pytest.approx(20e6, rel=0.03)
    assert fmean(duration("normal(50ms, 10ms)").draw(rng) for _ in range(20_000)) == pytest.approx(50e6, rel=0.01)
    assert median(duration("lognormal(50ms, 0.5)").draw(rng) for _ in range(20_000)) == pytest.approx(50e6, rel=0.03)
