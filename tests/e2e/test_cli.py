"""The command line as a user meets it: results, exit codes, errors that name the place."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest

from krawall.testing.commands import krawall, log_lines

SUMMARY_KEYS = [
    "session",
    "plan_hash",
    "seed",
    "state",
    "outcome",
    "reason",
    "verdict",
    "exit_code",
    "conversations",
    "turns",
    "attempts",
    "errors",
    "metrics",
    "rates",
    "tokens",
    "cost_usd",
    "thresholds",
    "generator",
    "directory",
]
NUMBERS = {"count", "min", "mean", "p50", "p75", "p90", "p95", "p99", "p999", "max", "unit"}

SMALL = """
name: Small
target: {preset: mock}
steps:
  - message: "What is {{ turn }} plus 4?"
    expect: [{contains: "5"}]
  - message: Thank you.
load: {users: 3, conversations: 6}
"""


def write(folder: Path, text: str, name: str = "s.yaml") -> str:
    (folder / name).write_text(text)
    return name


def test_json_is_exactly_one_object_of_the_promised_shape(bot: str, tmp_path: Path) -> None:
    write(tmp_path, SMALL)
    ran = krawall("run", "s.yaml", "--url", f"{bot}/v1/chat/completions", "--json", cwd=tmp_path)
    result = ran.json
    assert ran.code == result["exit_code"] == 0
    assert set(SUMMARY_KEYS) <= set(result)
    assert set(result["conversations"]) >= {"planned", "started", "completed", "failed", "ended", "dropped"}
    assert all(set(numbers) == NUMBERS for numbers in result["metrics"].values())
    assert {"ttft", "latency", "latency_intended", "send_lag", "tokens.output", "cost"} <= set(result["metrics"])
    assert set(result["tokens"]) == {"input", "output", "cached", "reasoning", "estimated"}
    assert set(result["generator"]) >= {"loop_lag_p99_ms", "send_lag_p99_ms", "cpu", "valid"}
    assert result["checks"] == {"contains: 5": [6, 0]}
    assert (tmp_path / result["directory"] / "report.html").is_file()


def test_streams_and_replies_count_the_same_tokens(bot: str, tmp_path: Path) -> None:
    write(tmp_path, SMALL)
    url = f"{bot}/v1/chat/completions"
    whole = krawall("run", "s.yaml", "--url", url, "--no-stream", "--json", cwd=tmp_path).json
    stream = krawall("run", "s.yaml", "--url", url, "--stream", "--json", cwd=tmp_path).json
    assert whole["tokens"] == stream["tokens"]
    assert whole["tokens"]["estimated"] == 0
    assert stream["metrics"]["itl"]["count"] == stream["tokens"]["output"] - stream["turns"]


def test_the_simple_bot_keeps_the_history_itself(bot: str, tmp_path: Path) -> None:
    write(tmp_path, SMALL)
    ran = krawall(
        "run", "s.yaml", "--preset", "custom-http", "--url", f"{bot}/chat", "--out", "out", "--json", cwd=tmp_path
    )
    assert ran.json["conversations"]["completed"] == 6, ran.err


def test_thresholds_decide_the_exit_code(bots: Callable[..., str], tmp_path: Path) -> None:
    slow = bots(latency="80ms", tokens="5")
    write(tmp_path, SMALL + "thresholds: ['avg(latency) < 20ms']\n")
    ran = krawall("run", "s.yaml", "--url", f"{slow}/v1/chat/completions", "--json", cwd=tmp_path)
    assert (ran.code, ran.json["verdict"]) == (10, "failed")
    write(tmp_path, SMALL.replace('contains: "5"', "contains: never said") + "thresholds: ['rate(checks) > 99%']\n")
    ran = krawall("run", "s.yaml", "--url", f"{slow}/v1/chat/completions", "--json", cwd=tmp_path)
    assert (ran.code, ran.json["verdict"]) == (11, "failed")
    write(tmp_path, SMALL + "thresholds: ['sum(cost) < 0.0000001 USD']\n")
    ran = krawall("run", "s.yaml", "--url", f"{slow}/v1/chat/completions", "--json", cwd=tmp_path)
    assert (ran.code, ran.json["verdict"]) == (12, "failed")


def test_a_wrong_key_is_not_load_and_never_passes(bots: Callable[..., str], tmp_path: Path) -> None:
    locked = bots(api_key="right", latency="1ms")
    write(tmp_path, SMALL.replace("conversations: 6", "conversations: 500") + "thresholds: [rate(dropped) < 1%]\n")
    ran = krawall("run", "s.yaml", "--url", f"{locked}/v1/chat/completions", "--json", cwd=tmp_path)
    assert (ran.code, ran.json["verdict"], ran.json["outcome"]) == (21, "failed", "aborted")
    assert "401" in ran.json["reason"]
    assert 10 <= ran.json["errors"]["rejected"] <= 15
    assert ran.json["statuses"] == {"401": ran.json["errors"]["rejected"]}


def test_a_few_wrong_answers_without_thresholds_do_not_pass_either(bots: Callable[..., str], tmp_path: Path) -> None:
    locked = bots(api_key="right", latency="1ms")
    write(tmp_path, SMALL)
    ran = krawall(
        "run", "s.yaml", "--url", f"{locked}/v1/chat/completions", "--conversations", "2", "--json", cwd=tmp_path
    )
    assert (ran.code, ran.json["verdict"]) == (10, "failed")
    assert "no turn succeeded: 401 x 2" in ran.json["reason"]


def test_a_cap_stops_the_session_before_it_is_passed(bot: str, tmp_path: Path) -> None:
    write(tmp_path, SMALL.replace("conversations: 6", "conversations: 5000") + "budget: {requests: 40}\n")
    ran = krawall("run", "s.yaml", "--url", f"{bot}/v1/chat/completions", "--json", cwd=tmp_path)
    assert (ran.code, ran.json["outcome"]) == (20, "aborted")
    assert "requests" in ran.json["reason"]
    assert ran.json["attempts"] <= 40


def test_money_is_reserved_before_it_is_spent(bot: str, tmp_path: Path) -> None:
    text = SMALL.replace("conversations: 6", "conversations: 5000").replace("users: 3", "users: 8")
    write(tmp_path, text + "budget: {cost: 0.02 USD}\n")
    ran = krawall("run", "s.yaml", "--url", f"{bot}/v1/chat/completions", "--processes", "2", "--json", cwd=tmp_path)
    assert ran.code == 20, ran.err
    assert 0 < ran.json["cost_usd"] <= 0.02


def test_an_unreachable_target_is_told_before_anything_is_sent(tmp_path: Path) -> None:
    write(tmp_path, SMALL)
    ran = krawall("run", "s.yaml", "--url", "http://127.0.0.1:9/v1/chat/completions", "--json", cwd=tmp_path)
    assert ran.code == 30
    assert ran.json["attempts"] == 0
    assert "refused" in ran.json["reason"].lower()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://192.168.1.20/chat", "--yes"),
        ("http://169.254.169.254/latest", "never"),
        ("http://2130706433/", "127.0.0.1"),
        ("ftp://127.0.0.1/", "ftp"),
    ],
)
def test_guard_rails_refuse_before_anything_is_sent(url: str, words: str, tmp_path: Path) -> None:
    write(tmp_path, SMALL)
    ran = krawall("run", "s.yaml", "--url", url, "--out", "out", cwd=tmp_path)
    assert ran.code == 30
    assert words in ran.err
    assert "Traceback" not in ran.err
    assert not (tmp_path / "out").exists()


def test_every_error_of_a_file_is_named_at_once_with_its_line(tmp_path: Path) -> None:
    text = """name: Wrong
target: {preset: mock, histroy: append}
steps:
  - mesage: hi
  - loop: 3
    steps:
      - message: "{{ greting }}"
      - message: {a: 1}
load: {users: two, conversations: 3}
thresholds: ['p95(latncy) < 1s']
"""
    write(tmp_path, text)
    ran = krawall("run", "s.yaml", "--url", "http://127.0.0.1:9/", cwd=tmp_path)
    assert ran.code == 2
    for words in (
        "line 2",
        "'history'",
        "line 4",
        "'message'",
        "steps.1.loop.steps.1.text",
        "line 8",
        "load.users",
        "line 9",
    ):
        assert words in ran.err, ran.err
    fixed = text.replace("histroy", "history").replace("mesage", "message").replace("{a: 1}", "b").replace("two", "2")
    write(tmp_path, fixed)
    ran = krawall("run", "s.yaml", "--url", "http://127.0.0.1:9/", cwd=tmp_path)
    assert ran.code == 2
    assert "greting" in ran.err
    assert "latency" in ran.err


def test_validate_tells_of_good_and_bad_files(tmp_path: Path) -> None:
    write(tmp_path, SMALL, "good.yaml")
    write(tmp_path, "name: x\nsteps: []\n", "bad.yaml")
    ran = krawall("validate", "good.yaml", "bad.yaml", "none.yaml", "--json", cwd=tmp_path)
    assert ran.code == 2
    assert [entry["valid"] for entry in ran.json["files"]] == [True, False, False]
    assert ran.json["files"][1]["errors"][0]["line"] == 2


def test_init_writes_a_file_that_runs(bot: str, tmp_path: Path) -> None:
    assert krawall("init", cwd=tmp_path).code == 0
    assert krawall("init", cwd=tmp_path).code != 0, "a file that is there stays"
    assert krawall("validate", "scenario.yaml", cwd=tmp_path).code == 0
    ran = krawall(
        "run",
        "scenario.yaml",
        "--url",
        f"{bot}/v1/chat/completions",
        "--users",
        "2",
        "--conversations",
        "2",
        "--json",
        cwd=tmp_path,
    )
    assert ran.json["errors"] == {}, ran.err


def test_the_schema_checks_what_the_model_checks(tmp_path: Path) -> None:
    schema = krawall("schema", cwd=tmp_path).json
    validator = jsonschema.Draft202012Validator(schema)
    validator.validate(
        {"name": "x", "steps": [{"message": "hi"}, "hello", {"loop": 2, "steps": [{"if": "true", "then": ["a"]}]}]}
    )
    assert list(validator.iter_errors({"name": "x", "steps": [{"mesage": "hi"}]}))


def test_templates_are_listed_with_their_messages(tmp_path: Path) -> None:
    found = krawall("templates", "--json", cwd=tmp_path).json
    assert len(found) >= 12
    assert all({"name", "category", "messages"} <= set(entry) for entry in found)


def test_a_template_runs_without_a_file(bot: str, tmp_path: Path) -> None:
    ran = krawall(
        "run", "template:rapid-fire", "--preset", "openai-chat", "--url", f"{bot}/v1/chat/completions", "--users", "5", "--duration", "2s",
        "--junit", "junit.xml", "--json", cwd=tmp_path,
    )  # fmt: skip
    assert ran.json["turns"] > 20, ran.err
    assert ran.json["errors"] == {}
    assert "<testsuite" in (tmp_path / "junit.xml").read_text()


def test_an_open_model_meets_its_rate(bot: str, tmp_path: Path) -> None:
    write(tmp_path, SMALL)
    ran = krawall(
        "run",
        "s.yaml",
        "--url",
        f"{bot}/v1/chat/completions",
        "--rate",
        "40/s",
        "--duration",
        "2s",
        "--json",
        cwd=tmp_path,
    )
    assert ran.json["conversations"]["planned"] == 80
    assert ran.json["conversations"]["completed"] == 80, ran.err


def test_a_rate_without_free_users_drops_and_counts(bots: Callable[..., str], tmp_path: Path) -> None:
    slow = bots(latency="400ms", tokens="5")
    write(tmp_path, SMALL.replace("{users: 3, conversations: 6}", "{rate: 20/s, duration: 2s, max users: 2}"))
    ran = krawall("run", "s.yaml", "--url", f"{slow}/v1/chat/completions", "--json", cwd=tmp_path)
    counts = ran.json["conversations"]
    assert counts["dropped"] > 0
    assert counts["completed"] + counts["dropped"] == 40


def test_retries_are_attempts_at_the_same_turn(bots: Callable[..., str], tmp_path: Path) -> None:
    flaky = bots(errors={"500": 0.3}, latency="1ms", tokens="5", seed=3)
    rule = "on_error: {rules: [{status: [500], do: retry, max: 20, wait: 1ms, cap: 5ms}]}\n"
    write(tmp_path, SMALL.replace("conversations: 6", "conversations: 60") + rule)
    ran = krawall("run", "s.yaml", "--url", f"{flaky}/v1/chat/completions", "--out", "out", "--json", cwd=tmp_path)
    result = ran.json
    assert result["turns"] == 120
    assert result["attempts"] == 120 + result["errors"]["server"]
    assert result["errors"]["server"] > 5
    assert result["conversations"]["completed"] == 60
    lines = [line for line in log_lines(tmp_path / "out") if line["k"] == "x"]
    assert sum(line.get("final", True) for line in lines) == 120


def test_secrets_stay_secret(bots: Callable[..., str], tmp_path: Path) -> None:
    canary = "canary-7f3a9c-secret"
    url = f"{bots(api_key=canary, latency='1ms', persona='echo')}/v1/chat/completions"
    text = SMALL.replace("preset: mock", "preset: mock, auth: {bearer: '${BOT_KEY}'}")
    # The key is said, and so echoed, at run time alone: it stands in no file.
    write(tmp_path, text.replace("Thank you.", "'Is it {{ env.SAID }}?'") + "env: [SAID]\n")
    ran = krawall("run", "s.yaml", "--url", url, "--out", "out", "--json", cwd=tmp_path, BOT_KEY=canary, SAID=canary)
    assert ran.json["conversations"]["completed"] == 6, ran.err
    wrong = krawall("run", "s.yaml", "--url", url, "--out", "wrong", cwd=tmp_path, BOT_KEY=canary + "x", SAID="it")
    assert wrong.code != 0
    missing = krawall("run", "s.yaml", "--url", url, "--out", "missing", cwd=tmp_path, SAID="it")
    assert "BOT_KEY" in missing.err + missing.out
    everything = [ran.out, ran.err, wrong.out, wrong.err, missing.err]
    everything += [path.read_bytes().decode("utf-8", "replace") for path in tmp_path.rglob("*") if path.is_file()]
    assert not any(canary in text for text in everything)
    assert any("Is it ***?" in text for text in everything)


@pytest.mark.parametrize(
    "arguments", [["run"], ["nonsense"], ["run", "s.yaml", "--users", "many"], ["run", "no-such.yaml"]]
)
def test_wrong_usage_exits_two_and_says_why(arguments: list[str], tmp_path: Path) -> None:
    write(tmp_path, SMALL)
    ran = krawall(*arguments, cwd=tmp_path)
    assert ran.code == 2
    assert ran.err or ran.out
    assert "Traceback" not in ran.err


def test_help_names_every_command_and_the_exit_codes(tmp_path: Path) -> None:
    ran = krawall("--help", cwd=tmp_path)
    for word in ("demo", "run", "validate", "templates", "init", "import", "mock", "report", "recount", "schema", "31"):
        assert word in ran.out


def test_the_demo_ends_with_a_report(tmp_path: Path) -> None:
    ran = krawall("demo", "--users", "5", "--duration", "3s", "--json", "--out", "out", cwd=tmp_path)
    assert ran.json["turns"] > 10
    assert ran.json["errors"] == {}
    assert "<html" in (tmp_path / "out" / "report.html").read_text()
    json.loads((tmp_path / "out" / "manifest.json").read_text())
