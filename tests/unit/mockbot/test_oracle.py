"""The bot's own log."""

import json

from krawall.mockbot.oracle import Oracle


def test_a_stream_is_counted_token_by_token_and_logged() -> None:
    oracle = Oracle()
    record = oracle.arrived("t-1", 1_000_000)
    record.status = 200
    for now, due in ((3_000_000, 2_990_000), (5_000_000, 5_000_000), (8_000_000, 7_000_000)):
        oracle.token(record, now, due, True)
    oracle.ended(record, "done", True)
    stats = oracle.stats()
    assert stats["ttft_us"] == {"p50": 2000, "p90": 2000, "p99": 2000, "p999": 2000, "max": 2000}
    assert stats["gap_us"] == {"p50": 2000, "p90": 3000, "p99": 3000, "p999": 3000, "max": 3000}
    assert stats["late_us"] == {"p50": 10, "p90": 1000, "p99": 1000, "p999": 1000, "max": 1000}
    assert (stats["tokens_out"], stats["by_status"], stats["t_first"], stats["t_last"]) == (
        3,
        {"200": 1},
        1_000_000,
        8_000_000,
    )
    assert json.loads(oracle.lines()) == {
        "id": "t-1",
        "received_ns": 1_000_000,
        "status": 200,
        "first_ns": 3_000_000,
        "last_ns": 8_000_000,
        "tokens": 3,
        "thoughts": 0,
        "end": "done",
        "sent_ns": [3_000_000, 5_000_000, 8_000_000],
        "session": "",
        "said": "",
    }


def test_requests_in_flight_are_counted_and_unnamed_ones_numbered() -> None:
    oracle = Oracle()
    first, second = oracle.arrived("", 10), oracle.arrived("", 20)
    assert (first.id, second.id) == ("1", "2")
    oracle.whole(first, 5000, 10, 7)
    oracle.ended(first, "done", False)
    oracle.ended(second, "aborted", True)
    stats = oracle.stats()
    assert (stats["in_flight"], stats["in_flight_max"], stats["tokens_out"]) == (0, 2, 7)
    assert stats["ends"] == {"done": 1, "aborted": 1}
    assert stats["ttft_us"] == {}
    assert [json.loads(line)["id"] for line in oracle.lines().splitlines()] == ["2"]
