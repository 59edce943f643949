"""The live view fits 80 x 24 and gives the terminal back; without a terminal there are lines on standard error, or nothing."""

from __future__ import annotations

import contextlib
import io
import re

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from krawall.cli.live import LiveView, PlainView, Screen, SilentView, plain, view_for
from krawall.model.summary import Conversations, Numbers, Picture, Tokens

SHOW_CURSOR, HIDE_CURSOR = "\x1b[?25h", "\x1b[?25l"


def numbers(p50: float, count: int = 1204) -> Numbers:
    return Numbers(count, p50 / 2, p50, p50, p50, p50, p50 * 2, p50 * 3, p50 * 4, p50 * 5, "ms")


PICTURE = Picture(
    name="Late parcel", target="http://127.0.0.1:8080/v1/chat/completions", state="running", phase="measure", elapsed_s=12.3,
    length_s=60.0, left_s=47.7, progress=0.205, users=38, in_flight=31, conversations=Conversations(planned=400, started=204, completed=201, failed=3),
    turns=1204, turns_per_s=98.2, errors={"server": 1, "timeout": 2}, metrics={"ttft": numbers(66), "latency": numbers(400.5)},
    recent={"ttft": numbers(70, 19), "latency": numbers(410, 60)}, tokens=Tokens(input=12_040, output=88_213), cost_usd=0.0123, cost_cap_usd=1.0,
)  # fmt: skip


def changed(**fields: object) -> Picture:
    return msgspec.structs.replace(PICTURE, **fields)


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def console(stream: io.StringIO | None = None, **options: object) -> Console:
    settings = {"force_terminal": True, "width": 80, "height": 24, "color_system": "truecolor", "legacy_windows": False}
    return Console(file=stream or io.StringIO(), **{**settings, **options})


def drawn(picture: Picture, **options: object) -> list[str]:
    lines = console(**options).render_lines(Screen(picture), pad=False)
    return ["".join(segment.text for segment in line) for line in lines]


def test_the_screen_shows_what_a_person_waits_for():
    text = "\n".join(drawn(PICTURE))
    for words in ("Late parcel", "127.0.0.1:8080", "running, measure", "20%", "12 s, 48 s left", "38, 31 waiting for a reply",
                  "204 of 400: completed 201, failed 3", "1,204, 98.2/s", "3 (timeout 2, server 1)", "12,040 in, 88,213 out",
                  "$0.0123 of $1.00 (1.23 %)", "66.0 ms", "132 ms", "198 ms", "801 ms", "too few"):  # fmt: skip
        assert words in text


def test_the_screen_fits_80_by_24():
    lines = drawn(changed(warning="the generator is late (90 ms at p99): its core is too busy"))
    assert len(lines) <= 23
    assert max(map(cell_len, lines)) <= 80
    assert "⚠ the generator is late" in "\n".join(lines)


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=300), st.integers(0, 10**12), st.floats(0, 1e7), st.integers(40, 80))
def test_the_screen_is_never_too_wide(text, number, seconds, width):
    odd = changed(name=text, target=text, state="running", turns=number, errors={text: number}, elapsed_s=seconds, length_s=None,
                  left_s=None, progress=None, metrics={"latency": numbers(seconds)}, recent={})  # fmt: skip
    lines = drawn(odd, width=width)
    assert max(map(cell_len, lines)) <= width
    assert len(lines) <= 23


def test_nothing_is_known_at_the_start():
    early = changed(
        metrics={}, recent={}, errors={}, progress=None, left_s=None, length_s=None, elapsed_s=0.0, phase=""
    )
    assert any(line.startswith("latency") and "-" in line for line in drawn(early))


def test_the_terminal_is_given_back_after_an_error():
    stream = Terminal()
    with contextlib.suppress(KeyboardInterrupt), LiveView(console(stream)) as view:
        view.update(PICTURE)
        assert SHOW_CURSOR not in stream.getvalue()
        raise KeyboardInterrupt
    assert stream.getvalue().rindex(SHOW_CURSOR) > stream.getvalue().rindex(HIDE_CURSOR)


def test_pictures_are_drawn_in_place():
    stream = Terminal()
    with LiveView(console(stream)) as view:
        view.update(PICTURE)
        before = len(stream.getvalue())
        view.update(changed(turns=1300))
        again = stream.getvalue()[before:]
    assert "\x1b[1A" in again
    assert "1,300" in again


def test_no_color_is_honoured(monkeypatch):
    colour = re.compile(r"\x1b\[(?:\d+;)*(?:3[0-9]|4[0-9]|9[0-7])(?:;\d+)*m")
    for value, expected in (("", True), ("1", False)):
        monkeypatch.setenv("NO_COLOR", value)
        stream = Terminal()
        with LiveView(console(stream)) as view:
            view.update(PICTURE)
        assert bool(colour.search(stream.getvalue())) is expected


def test_a_plain_line_says_it_all_in_one():
    expected = "12s  38 users  1,204 turns  98.2/s  ttft p95 132 ms  latency p95 801 ms  errors 3 (timeout 2, server 1)  $0.0123"
    assert plain(PICTURE) == expected
    assert plain(changed(warning="late")).endswith("  warning: late")


def test_plain_lines_come_at_the_start_and_every_five_seconds():
    stream = io.StringIO()
    with PlainView(stream) as view:
        for tenth in range(10, 171, 5):
            view.update(changed(elapsed_s=tenth / 10))
    first, *rest = stream.getvalue().splitlines()
    assert first == "Late parcel on http://127.0.0.1:8080/v1/chat/completions, 1 min, at most $1.00"
    assert [line.split()[0] for line in rest] == ["5s", "10s", "15s"]


def test_plain_lines_hold_no_control_and_stay_one_line():
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    PlainView(stream).update(changed(name="Spät\n\x1b[2J", elapsed_s=1.0))
    stream.seek(0)
    assert stream.read().startswith("Sp?t ?[2J on http")


def test_the_view_fits_the_stream(monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    pipe, terminal = io.StringIO(), Terminal()
    assert isinstance(view_for(terminal, json=False, quiet=False), LiveView)
    assert isinstance(view_for(terminal, json=True, quiet=False), LiveView)
    assert isinstance(view_for(pipe, json=False, quiet=False), PlainView)
    assert isinstance(view_for(pipe, json=True, quiet=False), SilentView)
    assert isinstance(view_for(terminal, json=False, quiet=True), SilentView)
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(view_for(terminal, json=False, quiet=False), PlainView)


def test_nothing_is_written_to_standard_output(capsys):
    stream = Terminal()
    for view in (LiveView(console(stream)), PlainView(stream), SilentView()):
        with view:
            view.update(PICTURE)
    assert capsys.readouterr() == ("", "")
