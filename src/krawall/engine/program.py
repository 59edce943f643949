"""A plan made executable: texts compiled, limits divided, everything that users of a shard share. Built once per shard."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from krawall.conversation.template import STANDARD, Texts
from krawall.conversation.tokens import estimate
from krawall.errors import DocumentError, Place
from krawall.load.pacing import Phases
from krawall.load.spend import rates_of
from krawall.metrics.thresholds import parse as parse_threshold
from krawall.model.connector import Connector
from krawall.model.plan import Plan, ShardSpec
from krawall.model.scenario import Scenario
from krawall.model.step import Step, texts, walk
from krawall.plugins import registry


class Program:
    """What a plan means for the engine. Immutable once built. `env`: what `env.NAME` may read, None: this environment."""

    def __init__(self, plan: Plan, spec: ShardSpec, env: Mapping[str, str] | None = None) -> None:
        scenario = plan.scenario
        self.plan = plan
        self.spec = spec
        self.scenario = scenario
        self.target = plan.target
        self.steps = scenario.steps
        self.seed = plan.seed
        self.window = scenario.window
        self.system = scenario.system
        self.vars = scenario.vars
        self.rows = plan.rows
        self.pick = scenario.data.pick if scenario.data else "in order"
        self.policy = scenario.on_error
        self.timeouts = scenario.timeouts
        self.inject = scenario.inject
        self.rates = rates_of(plan.target.prices)
        self.input_rate = self.rates.dearest_input
        self.server_history = plan.target.history == "server"
        self.keep_history = plan.target.history == "append"
        self.phases = Phases(plan.load)
        self.max_output = _max_output(plan)
        self.longest_pico = self.max_output * self.rates.output
        self.last_messages = 2 * self.window.size - 1 if self.window.keep == "last" else 0
        readable = os.environ if env is None else env
        self.env = {name: readable.get(name, "") for name in scenario.env}
        self.count: Callable[[str], int] = estimate
        self.repetition = any("repetition" in line for line in scenario.thresholds)
        self.original = scenario.language == "handlebars"
        self.slow_ns = _latency_limits(plan)
        self.texts, errors = compile_texts(scenario, sorted(plan.rows[0]) if plan.rows else None)
        if errors:
            raise DocumentError(scenario.name, errors)

    def connector(self) -> Connector:
        """Return the connector of the target, with its options."""
        return connector_of(self.target.connector or "http", self.target.options)


def connector_of(kind: str, options: dict[str, Any]) -> Connector:
    """Return a connector's settings.

    Raises:
        NotFound: there is no such kind.
        DocumentError: the options do not fit it.
    """
    made = registry.load("connectors", kind).model_validate(options)
    assert isinstance(made, Connector)
    return made


def compile_texts(scenario: Scenario, columns: list[str] | None = None) -> tuple[Texts, list[Place]]:
    """Compile every text and expression of a scenario; return them with everything that is wrong, at its place.

    `columns` are the names that `data.NAME` may use, when they are known.
    """
    compiled = Texts(scenario.language)
    known = {*STANDARD, *scenario.vars, *(name for _, step in walk(scenario.steps) for name in step.defines())}
    known |= {f"data.{column}" for column in columns or ()} | {f"env.{name}" for name in scenario.env}
    errors: list[Place] = []
    if scenario.system is not None:
        errors += compiled.add("system", scenario.system, False, known)
    for path, step in walk(scenario.steps):
        errors += [
            place
            for where, text, is_expression in texts(step, _shown(path, step))
            for place in compiled.add(where, text, is_expression, known)
        ]
    if scenario.data is None:
        errors += [
            Place(path, "uses `data`, but the scenario has no data") for path in _uses(scenario, compiled, "data")
        ]
    for index, line in enumerate(scenario.thresholds):
        try:
            parse_threshold(line)
        except ValueError as error:
            errors.append(Place(f"thresholds.{index}", str(error)))
    return compiled, errors


def _shown(path: str, step: Step) -> str:
    return path


def _uses(scenario: Scenario, compiled: Texts, name: str) -> list[str]:
    return [
        where
        for path, step in walk(scenario.steps)
        for where, text, _ in texts(step, path)
        if name in compiled.names(text)
    ]


def _max_output(plan: Plan) -> int:
    """Return the worst case of a reply, tokens: what the request asks for, else what the target says."""
    whole = {**(plan.target.body if isinstance(plan.target.body, dict) else {}), **plan.target.request}
    for name in ("max_tokens", "max_completion_tokens", "max_output_tokens"):
        if isinstance(whole.get(name), int):
            return int(whole[name])
    return plan.target.max_output_tokens


def _latency_limits(plan: Plan) -> tuple[int, int]:
    """Return (ttft, latency) limits for goodput, ns; 0 where no threshold of that metric sets one."""
    limits = {"ttft": 0, "latency": 0}
    for line in plan.scenario.thresholds:
        rule = parse_threshold(line)
        if rule.metric in limits and rule.operator in ("<", "<=") and rule.function != "min":
            limits[rule.metric] = max(limits[rule.metric], round(rule.limit * 1_000_000))
    return limits["ttft"], limits["latency"]
