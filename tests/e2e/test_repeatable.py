"""The same seed says the same, whatever the shards; what the log holds gives the live numbers again, to the last digit."""

from __future__ import annotations

import json
from pathlib import Path

from krawall.testing.commands import krawall, log_lines

SCENARIO = """
name: Repeatable
target: {preset: mock, stream: true}
vars:
  city: {any of: [Hamburg, Lyon, Kyoto, Oslo, Quito]}
data: {rows: [{order: A-1}, {order: B-2}, {order: C-3}], pick: random}
steps:
  - message: "Order {{ data.order }} to {{ city }}, please, number {{ rng.int(1, 1000) }}."
    expect: [{length: ">= 1"}]
  - choose:
      - {weight: 2, steps: [{message: "Fast, {{ rng.choice(['please', 'now']) }}!"}]}
      - {steps: [{message: "No hurry."}, {message: "Really, {{ conversation }}."}]}
  - loop: 2
    steps: [{message: "{{ loop.index }} {{ rng.text(12) }}"}]
  - expect: [{lacks: krawall}]
load: {users: 7, conversations: 21}
thresholds: [p95(latency) < 10s, rate(errors) < 1%, rate(checks) > 99%]
seed: 11
"""


def test_one_three_and_seven_shards_say_the_same(bot: str, tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(SCENARIO)
    texts = []
    for shards in (1, 3, 7):
        out = tmp_path / str(shards)
        ran = krawall(
            "run", "s.yaml", "--url", f"{bot}/v1/chat/completions", "--processes", str(shards), "--users", "10",
            "--out", out, "--json", cwd=tmp_path,
        )  # fmt: skip
        assert ran.json["conversations"]["completed"] == 21, ran.err
        texts.append(
            sorted((line["conversation"], line["turn"], line["said"]) for line in log_lines(out) if line["k"] == "x")
        )
    assert texts[0] == texts[1] == texts[2]
    assert len({said for _, _, said in texts[0]}) > 40


def test_another_seed_says_something_else(bot: str, tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(SCENARIO)
    texts = []
    for seed in ("1", "2"):
        out = tmp_path / seed
        krawall(
            "run", "s.yaml", "--url", f"{bot}/v1/chat/completions", "--seed", seed, "--out", out, "--json", cwd=tmp_path
        )
        texts.append(
            sorted((line["conversation"], line["turn"], line["said"]) for line in log_lines(out) if line["k"] == "x")
        )
    assert texts[0] != texts[1]


def test_recount_gives_the_live_summary_to_the_last_digit(bot: str, tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(SCENARIO)
    ran = krawall(
        "run",
        "s.yaml",
        "--url",
        f"{bot}/v1/chat/completions",
        "--processes",
        "2",
        "--out",
        "out",
        "--json",
        cwd=tmp_path,
    )
    again = krawall("recount", "out", "--json", cwd=tmp_path)
    assert again.json == ran.json
    assert again.code == ran.code
    assert ran.json["turns"] > 60
    assert ran.json["cost_usd"] > 0


def test_recount_survives_a_torn_tail_and_says_so(bot: str, tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(SCENARIO)
    ran = krawall("run", "s.yaml", "--url", f"{bot}/v1/chat/completions", "--out", "out", "--json", cwd=tmp_path)
    segment = next((tmp_path / "out" / "log").glob("*.jsonl"))
    whole = segment.read_bytes()
    segment.write_bytes(whole[:-20])
    again = krawall("recount", "out", "--json", cwd=tmp_path).json
    assert again["lost"] == {"torn lines": 1}
    assert sum(again["conversations"][name] for name in ("completed", "ended")) == 20
    assert ran.json["conversations"]["completed"] == 21


def test_the_plan_in_the_directory_is_the_plan_that_was_played(bot: str, tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(SCENARIO)
    ran = krawall("run", "s.yaml", "--url", f"{bot}/v1/chat/completions", "--out", "out", "--json", cwd=tmp_path)
    plan = json.loads((tmp_path / "out" / "plan.json").read_bytes())
    assert plan["target"]["url"] == f"{bot}/v1/chat/completions"
    assert plan["load"]["users"] == 7
    assert ran.json["plan_hash"] == json.loads((tmp_path / "out" / "manifest.json").read_bytes())["plan_hash"]
