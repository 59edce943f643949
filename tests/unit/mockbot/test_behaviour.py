"""Settings, the queue of the capacity model, and the rate limit."""

from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from krawall.mockbot.behaviour import Behaviour, Bucket, Freeze, Limit, overridden, queue_times, rules


def simulate(arrivals: list[int], services: list[int], servers: int) -> list[int]:
    """Serve one by one in steps of time: who waits is in a list, who is served has an end. The slow, obvious way."""
    done = [0] * len(arrivals)
    line = list(range(len(arrivals)))
    busy: dict[int, int] = {}
    now = 0
    while line or busy:
        for who in [who for who, end in busy.items() if end <= now]:
            done[who] = busy.pop(who)
        while line and arrivals[line[0]] <= now and (len(busy) < servers or not servers):
            who = line.pop(0)
            busy[who] = now + services[who]
            if services[who] == 0:
                done[who] = busy.pop(who)
        now += 1
    return done


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 15)), max_size=12), st.integers(0, 4))
def test_the_queue_serves_as_a_simulation_in_steps_does(pairs: list[tuple[int, int]], servers: int) -> None:
    arrivals = sorted(at for at, _ in pairs)
    services = [service for _, service in pairs]
    assert simulate(arrivals, services, servers) == queue_times(arrivals, services, servers)


@given(st.lists(st.integers(0, 10**9), min_size=1), st.integers(1, 10**9))
def test_one_server_never_does_two_things_at_once(arrivals: list[int], service: int) -> None:
    done = queue_times(sorted(arrivals), [service] * len(arrivals), 1)
    assert all(later - earlier >= service for earlier, later in pairwise(done))


@given(st.floats(0.1, 50), st.integers(1, 20), st.lists(st.integers(0, 2 * 10**8), max_size=60))
def test_a_bucket_never_gives_more_than_burst_and_rate_allow(rate: float, burst: int, gaps: list[int]) -> None:
    bucket = Bucket(Limit(rate=rate, burst=burst))
    now, taken = 10**12, []
    for gap in gaps:
        now += gap
        if bucket.take(now):
            taken.append(now)
    for index, start in enumerate(taken):
        for count, end in enumerate(taken[index:], 1):
            assert count <= burst + rate * (end - start) / 1e9 + 1e-6


def test_a_full_bucket_gives_the_burst_at_once_and_then_waits() -> None:
    bucket = Bucket(Limit(rate=2, burst=3))
    assert [bucket.take(0) for _ in range(4)] == [True, True, True, False]
    assert [bucket.take(at) for at in (499_999_999, 500_000_001, 500_000_002)] == [False, True, False]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"persona": "pirate"}, "persona: 'pirate' is none of default, shop"),
        ({"latency": "soon"}, "latency: 'soon': 'soon' is not a duration"),
        ({"tokens": "9ms"}, "tokens: '9ms'"),
        ({"errors": {"200": 0.1}}, "errors: '200' is not a status"),
        ({"errors": {"500": 0.8, "503": 0.3}}, "errors: the probabilities"),
        ({"errors": {"500": -1.0}}, "errors: -1.0 for 500"),
        ({"truncate": 1.5}, "truncate: 1.5 is not a probability"),
        ({"stream_error": -0.1}, "stream_error: -0.1 is not a probability"),
        ({"tools": 2.0}, "tools: 2.0"),
        ({"refusal": 2.0}, "refusal: 2.0"),
        ({"reasoning": "9ms"}, "reasoning: '9ms'"),
        ({"usage": "sometimes"}, "usage: 'sometimes' is none of end, none, every"),
        ({"split": "here"}, "split: 'here'"),
        ({"stations": 0}, "stations 1 or more"),
    ],
)
def test_a_wrong_setting_is_refused_by_name(fields: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Behaviour(**fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "make", [lambda: Limit(rate=-1), lambda: Limit(rate=1, burst=0), lambda: Freeze(at_s=-1, for_s=1)]
)
def test_limits_and_freezes_are_checked(make: object) -> None:
    with pytest.raises(ValueError, match="must not be negative"):
        make()  # type: ignore[operator]


def test_an_unknown_field_is_named() -> None:
    with pytest.raises(msgspec.ValidationError, match="first_tokn"):
        msgspec.json.decode(b'{"first_tokn": "5ms"}', type=Behaviour)


def test_a_behaviour_survives_json() -> None:
    behaviour = Behaviour(persona="shop", errors={"500": 0.1}, limit=Limit(rate=2), freeze=Freeze(at_s=1, for_s=2))
    assert behaviour == msgspec.json.decode(msgspec.json.encode(behaviour), type=Behaviour)


def test_a_header_overrides_fields_of_every_scalar_type() -> None:
    behaviour = overridden(Behaviour(seed=3), "first_token=50ms; gap = 10ms ;truncate=0.5;gzip=true;seed=9;")
    assert behaviour == Behaviour(seed=9, first_token="50ms", gap="10ms", truncate=0.5, gzip=True)


@pytest.mark.parametrize(
    "text", ["gap", "gap=soon", "nonsense=1", "servers=3", "api_key=x", "limit=1", "errors=1", "seed=x"]
)
def test_a_wrong_header_is_refused_by_name(text: str) -> None:
    with pytest.raises(ValueError, match=text.partition("=")[0]):
        overridden(Behaviour(), text)


def test_personas_bring_their_faults_unless_they_are_set() -> None:
    assert rules(Behaviour(persona="rate-limited")).limit == Limit(rate=5, burst=10, retry_after_s=1)
    assert rules(Behaviour(persona="rate-limited", limit=Limit(rate=1))).limit == Limit(rate=1)
    flaky = rules(Behaviour(persona="flaky"))
    assert [status for _, status in flaky.errors] == [500, 503]
    assert (flaky.truncate, flaky.disconnect) == (0.05, 0.05)
    assert rules(Behaviour(persona="flaky", errors={"502": 1.0})).errors == [(1.0, 502)]


def test_nothing_is_thought_unless_it_is_asked_for() -> None:
    assert rules(Behaviour()).reasoning is None
    assert rules(Behaviour(reasoning="5..9")).reasoning is not None
