"""What commands print fits 80 columns, says the verdict in words, and cannot drive a terminal."""

from __future__ import annotations

import io
import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from krawall.cli.output import print_error, print_json, print_summary
from krawall.cli.terminal import fit
from krawall.errors import DocumentError, Place, Refused
from krawall.model.summary import Conversations, Gap, Generator, Judged, Numbers, Pause, Rates, Summary, Tokens


def numbers(p50: float, count: int = 2461) -> Numbers:
    return Numbers(count, p50 / 2, p50 * 1.1, p50, p50 * 1.3, p50 * 1.9, p50 * 2.4, p50 * 4.1, p50 * 6, p50 * 7.2, "ms")


SUMMARY = Summary(
    session="ses-1", plan_hash="b3f2a9c41d7e", seed=4711, state="finished", outcome="completed", reason="", verdict="failed",
    exit_code=10, conversations=Conversations(planned=400, started=400, completed=389, failed=11), turns=2461, attempts=2502,
    errors={"timeout": 9, "server": 21, "rate_limited": 18},
    metrics={"ttft": numbers(212), "latency": numbers(9_748), "latency_intended": numbers(9_760), "itl": numbers(18.2, 88_213),
             "tpot": numbers(17.6, 40), "send_lag": numbers(0.31, 12)},
    rates=Rates(41.3, 1480.2, 6.6, 6.1), tokens=Tokens(input=241_800, output=88_213, estimated=1204), cost_usd=0.4127,
    thresholds=[Judged("p95(latency) < 30s", 23_395.2, "pass"), Judged("p95(ttft) < 400ms", 508.8, "fail", "p95(ttft) is 508.8 ms, the limit is < 400 ms"),
                Judged("p99(ttft) < 1s, step steps.2, at least 100 samples, over 10s, abort after 30s", None, "undecided", "63 samples")],
    generator=Generator(), directory="krawall-sessions/ses-1", name="Late parcel", target="http://127.0.0.1:8080/v1/chat",
    checks={"mentions the parcel": [380, 4], "valid JSON": [381, 0]}, duration_s=61.4,
)  # fmt: skip


def changed(**fields: object) -> Summary:
    return msgspec.structs.replace(SUMMARY, **fields)


def printed(summary: Summary, command: str = "late.yaml", encoding: str = "utf-8", width: int = 80) -> str:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding, newline="")
    print_summary(summary, Console(file=stream, width=width, highlight=False), command)
    stream.flush()
    return raw.getvalue().decode(encoding)


def test_no_line_is_wider_than_80_columns():
    lines = printed(SUMMARY).splitlines()
    assert max(cell_len(line) for line in lines) <= 80


texts = st.text(max_size=200)


@settings(max_examples=40, deadline=None)
@given(texts, texts, st.integers(0, 10**12), st.floats(0, 1e9), st.sampled_from(["utf-8", "ascii", "latin-1"]))
def test_no_line_is_too_wide_whatever_it_says(name, why, number, ms, encoding):
    odd = changed(
        name=name, target=why, directory=name, turns=number, attempts=number, reason=why, checks={name: [number, 1]},
        metrics={"latency": numbers(ms, number), "ttft": numbers(ms * 3, number)},
        thresholds=[Judged(why, ms, "fail", name), Judged(name, ms, "undecided", why)], errors={why: number},
    )  # fmt: skip
    text = printed(odd, command=name, encoding=encoding)
    assert max(cell_len(line) for line in text.split("\n")) <= 80
    assert "\x1b" not in text


def test_verdict_and_why_come_first_then_thresholds_then_numbers():
    text = printed(SUMMARY)
    assert text.splitlines()[0] == "✗ Failed: p95(ttft) is 508.8 ms, the limit is < 400 ms"
    order = [
        "✓ pass",
        "✗ fail",
        "? undecided",
        "63 samples",
        "count",
        "ttft",
        "conversations",
        "errors",
        "seed",
        "report",
    ]
    at = text.index("\n\n")
    for words in order:
        assert words in text[at:]
        at = text.index(words, at)


@pytest.mark.parametrize(
    ("verdict", "first"),
    [("passed", "✓ Passed"), ("failed", "✗ Failed"), ("undecided", "? Undecided"), ("invalid", "! Invalid"), ("none", "· Not judged")],
)  # fmt: skip
def test_every_verdict_is_a_sign_and_a_word(verdict, first):
    assert printed(changed(verdict=verdict)).startswith(first)


def test_times_have_units_and_small_samples_say_too_few():
    rows = {line.split()[0]: line for line in printed(SUMMARY).splitlines() if line.strip()}
    assert rows["ttft"].split()[1:] == ["2,461", "233", "ms", "212", "ms", "509", "ms", "869", "ms", "1,526", "ms"]
    assert rows["latency"].split()[-4:] == ["40.0", "s", "70.2", "s"]
    assert rows["tpot"].count("too few") == 1
    assert rows["send_lag"].count("too few") == 2


def test_intended_latency_is_shown_only_when_it_differs():
    assert "latency_intended" not in printed(SUMMARY)
    late = changed(metrics={**SUMMARY.metrics, "latency_intended": numbers(20_000)})
    assert "latency_intended" in printed(late)


def test_counts_say_of_how_many():
    text = " ".join(printed(SUMMARY).split())
    assert "400 of 400: completed 389, failed 11" in text
    assert "48 of 2,502 attempts (1.92 %): server 21, rate limited 18, timeout 9" in text
    assert "241,800 in, 88,213 out, 1,204 of them estimated" in text
    assert "761 of 765 held; failed: mentions the parcel 4" in text
    assert "$0.4127" in text


def test_gaps_and_pauses_are_told():
    gaps = [Gap(2, 12.0, 14.3, "its engine process died"), Gap(0, 50.0, None, "its worker is gone")]
    text = " ".join(printed(changed(gaps=gaps, pauses=[Pause(20.0, 31.5)])).split())
    assert "shard 2 from 12.0 s to 14.3 s: its engine process died" in text
    assert "shard 0 from 50.0 s to the end: its worker is gone" in text
    assert "paused from 20.0 s to 31.5 s" in text
    assert "gaps" not in printed(SUMMARY)


def test_a_late_generator_is_a_warning():
    late = changed(
        verdict="invalid", generator=Generator(valid=False, why="the generator was the bottleneck: 90 ms late")
    )
    text = printed(late)
    assert text.startswith("! Invalid: the generator was the bottleneck: 90 ms late\n")
    assert "Do not trust the times" in text
    assert "Do not trust" not in printed(SUMMARY)


@pytest.mark.parametrize(
    ("command", "again"),
    [
        ("late.yaml", "krawall run late.yaml --seed 4711"),
        ("demo", "krawall demo"),
        ("", "krawall run FILE --seed 4711"),
    ],
)
def test_it_says_how_to_repeat_it(command, again):
    text = printed(SUMMARY, command)
    assert again in text
    assert "krawall report krawall-sessions/ses-1" in text
    assert "b3f2a9c41d7e" in text


def test_without_utf_8_it_is_plain_letters():
    text = printed(changed(name="Spät 漢字"), encoding="ascii")
    assert text.startswith("x Failed")
    assert "Sp?t ??" in text


def test_markup_in_a_name_is_text():
    assert "[bold red]x[/]" in printed(changed(name="[bold red]x[/]"))


def test_an_empty_session_prints_too():
    empty = changed(metrics={}, thresholds=[], errors={}, checks={}, turns=0, attempts=0, verdict="none", outcome="failed",
                    reason="the session was cut off before its end", conversations=Conversations())  # fmt: skip
    assert printed(empty).startswith("· Not judged: Failed: the session was cut off before its end")


def test_json_is_one_object_on_one_line(capsys):
    print_json(SUMMARY)
    out, err = capsys.readouterr()
    assert (out.count("\n"), err) == (1, "")
    assert json.loads(out)["by_turn"] == []


def test_errors_go_to_standard_error_with_places_and_hint(capsys):
    places = [Place("steps.0.text", "unknown variable 'nmae'", 7), Place("load", "needs users or rate")]
    print_error(DocumentError("late.yaml", places, hint="did you mean 'name'?"))
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "error: late.yaml: 2 errors",
        "  steps.0.text (line 7): unknown variable 'nmae'",
        "  load: needs users or rate",
        "hint: did you mean 'name'?",
    ]


def test_an_error_cannot_drive_the_terminal(capsys):
    print_error(Refused("[red]evil\x1b[2J\u202eexe.txt " + "x" * 200))
    err = capsys.readouterr().err
    assert "[red]evil\ufffd[2Jexe.txt" in err
    assert len(err.splitlines()) == 1


@given(st.text(), st.sampled_from(["utf-8", "ascii", "cp1252", "latin-1"]))
def test_fitted_text_can_be_written(text, encoding):
    assert fit(text, encoding).encode(encoding)[:0] == b""
