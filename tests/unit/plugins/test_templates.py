"""Every template, example and the starter: valid, lossless as YAML, and played to the last message whatever the bot answers."""

from __future__ import annotations

import asyncio
import csv
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import krawall
from krawall.conversation.checks import Facts, check, problems
from krawall.conversation.dice import Dice
from krawall.conversation.template import Texts
from krawall.conversation.variables import draw_vars
from krawall.engine.program import compile_texts
from krawall.errors import NotFound
from krawall.mockbot.bot import Ask, answer, count_tokens
from krawall.mockbot.personas import Message
from krawall.mockbot.spread import Spread
from krawall.model.exchange import Reply
from krawall.model.load import Closed
from krawall.model.scenario import Category, Scenario
from krawall.model.step import count_messages, walk
from krawall.plugins import registry
from krawall.plugins.assemble import read_scenario, write_scenario
from krawall.plugins.preset import resolve

PACKAGE = Path(krawall.__file__).parent
EXAMPLES = Path(__file__).parents[3] / "examples"
TEMPLATES = registry.names("templates")
FILES = [*PACKAGE.glob("plugins/templates/*.yaml"), PACKAGE / "cli" / "starter.yaml", *EXAMPLES.glob("*.yaml")]

Bot = Callable[[list[Message]], str]


class Player:
    """Plays one conversation against a function, without a wire: what a step may do, and the names in texts."""

    def __init__(self, scenario: Scenario, bot: Bot, seed: int) -> None:
        self.rng = Random(seed)
        self.vars: dict[str, Any] = draw_vars(scenario.vars, self.rng)
        self.last: Reply | None = None
        self.said: list[Message] = []
        self.paths: list[str] = []
        self.failed: list[str] = []
        self._texts = compiled(scenario.name)
        self._bot = bot
        self._loops: list[dict[str, Any]] = []
        self._scenario = scenario

    def play_all(self) -> Player:
        """Play the whole scenario."""
        asyncio.run(self.play(self._scenario.steps, "steps"))
        return self

    async def play(self, steps: Any, under: str) -> None:
        for index, step in enumerate(steps):
            await step.run(self, f"{under}.{index}")

    async def say(self, text: str, step: str, expect: Any = ()) -> Reply:
        self.said.append(Message("user", self.render(text)))
        self.last = Reply(self._bot(self.said))
        self.said.append(Message("assistant", self.last.text))
        self.paths.append(step)
        self.expect(expect)
        return self.last

    async def pause(self, spread: Any) -> None:
        """Take no time."""

    def expect(self, expectations: Any) -> None:
        assert self.last is not None
        facts = Facts(self.last.text, 1, 1, count_tokens(self.last.text), self.render, self.evaluate)
        self.failed += [
            f"{self.said[-2].text!r} -> {result}" for e in expectations if not (result := check(e, facts)).ok
        ]

    def render(self, text: str) -> str:
        return self._texts.render(text, self)

    def evaluate(self, expression: str) -> Any:
        return self._texts.evaluate(expression, self)

    def lookup(self, name: str) -> object:
        if name in self.vars:
            return self.vars[name]
        heard = self.last.text if self.last else ""
        tokens = {"input": sum(count_tokens(message.text) for message in self.said), "output": count_tokens(heard)}
        names = {"reply": heard, "usage": tokens, "turn": len(self.paths), "rng": Dice(lambda: self.rng)}
        names |= {"reply_json": _json(heard), "loop": self._loops[-1] if self._loops else {}}
        return names[name]

    def enter_loop(self, index: int, item: object, length: int | None) -> None:
        self._loops.append({"index": index, "item": item, "length": length})

    def leave_loop(self) -> None:
        self._loops.pop()


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def mock(persona: str) -> Bot:
    """Return the mock bot's answers, without its server."""
    length = Spread("fixed", 24)
    return lambda said: answer(Ask(list(said)), persona, 0, length).text


@cache
def load(name: str) -> Scenario:
    return read_scenario(registry.data_text("templates", name), name)


@cache
def compiled(title: str) -> Texts:
    """Return the texts of the template of that title."""
    (scenario,) = (found for found in map(load, TEMPLATES) if found.name == title)
    texts, wrong = compile_texts(scenario)
    assert wrong == []
    return texts


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_is_valid_and_survives_yaml(path: Path) -> None:
    scenario = read_scenario(path.read_text(encoding="utf-8"), path.name)
    columns = _columns(path.parent / scenario.data.file) if scenario.data and scenario.data.file else None
    assert compile_texts(scenario, columns)[1] == []
    for where, step in walk(scenario.steps):
        for expectation in (*getattr(step, "expect", ()), *getattr(step, "checks", ())):
            assert problems(expectation, where) == []
    again = read_scenario(write_scenario(scenario), "again")
    assert again == scenario
    assert write_scenario(again) == write_scenario(scenario)
    assert scenario.reading


def _columns(path: Path) -> list[str]:
    with path.open(encoding="utf-8", newline="") as file:
        return sorted(next(csv.DictReader(file)))


@pytest.mark.parametrize("path", FILES[len(TEMPLATES) :], ids=lambda path: path.stem)
def test_the_starter_and_the_examples_talk_to_this_machine_only(path: Path) -> None:
    scenario = read_scenario(path.read_text(encoding="utf-8"), path.name)
    assert urlsplit(resolve(scenario.target).url).hostname == "127.0.0.1"
    assert scenario.load is not None


def test_there_are_twelve_templates_in_all_seven_categories() -> None:
    assert len(TEMPLATES) >= 12
    assert {load(name).category for name in TEMPLATES} == set(Category) - {Category.other}


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_names_no_target_and_starts_small(name: str) -> None:
    scenario = load(name)
    assert scenario.target is None
    assert isinstance(scenario.load, Closed)
    assert scenario.load.peak_users <= 5
    assert (scenario.load.conversations or 0) <= 24
    assert {"cost", "tokens", "requests", "conversations", "duration"} <= scenario.budget.model_fields_set
    assert scenario.thresholds
    assert any(getattr(step, "expect", None) for _, step in walk(scenario.steps))


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_has_no_check_or_step_that_ends_the_conversation(name: str) -> None:
    for _, step in walk(load(name).steps):
        assert step.kind != "end"
        assert not any(expectation.hard for expectation in getattr(step, "expect", ()))


@pytest.mark.parametrize("name", TEMPLATES)
def test_all_checks_hold_against_the_mock_bot(name: str) -> None:
    scenario = load(name)
    for seed in range(12):
        assert Player(scenario, mock("default"), seed).play_all().failed == []


@pytest.mark.parametrize("name", TEMPLATES)
@pytest.mark.parametrize("persona", ["default", "support", "shop", "repetitive", "code", "echo"])
def test_a_template_plays_to_its_last_message(name: str, persona: str) -> None:
    scenario = load(name)
    for seed in range(4):
        _ended_well(scenario, Player(scenario, mock(persona), seed).play_all())


def _ended_well(scenario: Scenario, player: Player) -> None:
    expected, most = count_messages(scenario.steps)
    assert len(player.paths) <= most
    assert expected != most or len(player.paths) == expected
    assert player.paths[-1].startswith(f"steps.{len(scenario.steps) - 1}")


_REPLIES = st.one_of(
    st.text(max_size=60),
    st.sampled_from(
        ["", "?", "{", "null", '{"amount": "٣"}', '{"amount": 999999999}', "T-٣٤٥", "The end. PX-1234", "9" * 400]
    ),
)


@pytest.mark.parametrize("name", TEMPLATES)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(replies=st.lists(_REPLIES, min_size=1, max_size=8), seed=st.integers(0, 99))
def test_a_template_plays_to_its_last_message_whatever_is_answered(name: str, replies: list[str], seed: int) -> None:
    scenario = load(name)
    _ended_well(scenario, Player(scenario, lambda said: replies[len(said) % len(replies)], seed).play_all())


def test_the_same_seed_says_the_same() -> None:
    scenario = load("branching")
    first, again = (Player(scenario, mock("default"), 5).play_all().said for _ in range(2))
    assert first == again
    assert (
        len({tuple(m.text for m in Player(scenario, mock("default"), seed).play_all().said) for seed in range(9)}) > 3
    )


def test_an_unknown_template_is_named_with_its_neighbour() -> None:
    with pytest.raises(NotFound, match="did you mean 'rapid-fire'"):
        registry.data_text("templates", "rapidfire")
