"""What a line of the log holds, and that no secret is in it."""

from __future__ import annotations

import base64
import io
import json
import logging
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from krawall import logs

SECRET = "p%ss wörd/4711"


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield io.StringIO()
    root.handlers[:], root.level = before
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "alembic", "aiosqlite", "botocore"):
        logging.getLogger(name).setLevel(logging.NOTSET)
    logging.captureWarnings(False)
    structlog.reset_defaults()


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_names_its_request_session_and_worker_while_it_is_bound(stream: io.StringIO) -> None:
    logs.configure("json", "info", stream)
    log = logs.logger("krawall.here")
    with logs.bound(request_id="r1", session="ses_1"), logs.bound(worker="wrk_1"):
        log.info("played", turns=3, ok=True, cost=None)
    log.info("after")
    first, second = lines(stream)
    del first["timestamp"]
    assert first == {
        "event": "played",
        "level": "info",
        "logger": "krawall.here",
        "request_id": "r1",
        "session": "ses_1",
        "worker": "wrk_1",
        "turns": 3,
        "ok": True,
        "cost": None,
    }
    assert "request_id" not in second


def test_other_packages_lines_take_the_same_road(stream: io.StringIO) -> None:
    logging.getLogger("uvicorn.error").addHandler(logging.StreamHandler(io.StringIO()))
    logs.configure("json", "info", stream)
    with logs.bound(request_id="r2"):
        logging.getLogger("uvicorn.error").info("listening on %s", "127.0.0.1")
        logging.getLogger("uvicorn.access").info("GET /")
        logging.getLogger("alembic.runtime.migration").info("upgrade")
    assert [(line["event"], line["request_id"]) for line in lines(stream)] == [
        ("listening on 127.0.0.1", "r2"),
        ("upgrade", "r2"),
    ]


@pytest.mark.parametrize(
    ("format", "made", "json_lines"),
    [("auto", Terminal, False), ("auto", io.StringIO, True), ("text", io.StringIO, False), ("json", Terminal, True)],
)
def test_auto_is_text_on_a_terminal(
    stream: io.StringIO, format: Any, made: type[io.StringIO], json_lines: bool
) -> None:
    out = made()
    logs.configure(format, "info", out)
    logs.logger("krawall").info("hello")
    assert out.getvalue().startswith("{") is json_lines
    assert "hello" in out.getvalue()


def test_lines_below_the_level_are_left_out(stream: io.StringIO) -> None:
    logs.configure("json", "warning", stream)
    logs.logger("krawall").info("quiet")
    structlog.get_logger("krawall").info("quiet")
    logs.logger("krawall").warning("loud")
    assert [line["event"] for line in lines(stream)] == ["loud"]


@pytest.mark.parametrize("format", ["json", "text"])
def test_a_concealed_value_stands_nowhere(stream: io.StringIO, format: Any) -> None:
    logs.conceal(SECRET)
    logs.configure(format, "debug", stream)
    log = logs.logger("krawall")
    log.info("it is " + SECRET, value=SECRET, inner={"list": [SECRET, {SECRET: 1}]}, raw=SECRET.encode(), set={SECRET})
    log.info("url", url="http://127.0.0.1/?q=" + quote(SECRET), header=base64.b64encode(SECRET.encode()).decode())
    logging.getLogger("uvicorn.error").warning("it is %s", SECRET)
    try:
        raise ValueError(SECRET)
    except ValueError as error:
        log.exception("broken", error=error)
        logging.getLogger("uvicorn.error").exception("broken")
    shown = stream.getvalue()
    for form in (SECRET, json.dumps(SECRET)[1:-1], quote(SECRET), base64.b64encode(SECRET.encode()).decode()):
        assert form not in shown
    assert shown.count("***") >= 9


@given(
    st.sampled_from(["authorization", "api_key", "Cookie", "password", "bot_token", "client_secret", "X-Signature"]),
    st.text(min_size=1).filter(lambda text: text not in "***"),
)
def test_a_field_with_a_secrets_name_shows_no_text(name: str, value: str) -> None:
    event = logs.redact(None, "", {"event": "x", name: value, "inner": {name: [value], "deep": {name: value}}})
    assert event[name] == "***"
    assert event["inner"] == {name: ["***"], "deep": {name: "***"}}


def test_counts_of_tokens_are_no_secrets() -> None:
    assert logs.redact(None, "", {"tokens": 12, "key": "k"}) == {"tokens": 12, "key": "***"}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("GET /a?api_key=abc&x=1 done", "GET /a?api_key=***&x=1 done"),
        ("GET /a?x=1&access_token=abc", "GET /a?x=1&access_token=***"),
        ("Bearer krw_0123456789abcdef0123", "Bearer krw_***"),
        ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_***"),
        ("GET /a?x=1&y=2", "GET /a?x=1&y=2"),
    ],
)
def test_secrets_are_known_by_their_look(text: str, shown: str) -> None:
    assert logs.redact(None, "", {"event": text}) == {"event": shown}


def test_before_it_is_configured_nothing_goes_to_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    logs.logger("krawall").warning("early")
    assert capsys.readouterr().out == ""
