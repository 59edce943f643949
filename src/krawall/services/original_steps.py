"""Turns the steps of an original file into ours, and its conditions into expressions."""

from __future__ import annotations

import re
from typing import Any

from krawall.plugins.registry import nearest
from krawall.services.original_fields import Fields, Path, shown

Steps = list[dict[str, Any]]

_FIELDS = {
    "message": ("content", "message"),
    "delay": ("durationMs",),
    "loop": ("iterations", "steps", "bodySteps"),
    "conditional": ("condition", "thenSteps", "elseSteps"),
}
_CONDITIONS = ("contains:TEXT", "equals:TEXT", "matches:REGEX", "length>N", "length<N", "response.contains('TEXT')")
_CALLED = re.compile(r"response\.contains\(\s*(['\"])((?:\\.|(?!\1)[^\\])*)\1\s*\)", re.DOTALL)
_COLON = re.compile(r"(contains|equals|matches):(.*)", re.DOTALL)
_LENGTH = re.compile(r"length\s*([<>])\s*(\d{1,9})")
_ESCAPED = re.compile(r"[\\'\"{}%#\x00-\x1f\x7f-\x9f\u2028\u2029]")


class Flow:
    """The steps of one file. `texts` collects the source of every message with its place and whether a loop is around it."""

    def __init__(self, fields: Fields, variables: set[str], suffix: str) -> None:
        self.texts: list[tuple[Path, str, bool]] = []
        self._fields = fields
        self._taken = variables
        self._suffix = suffix
        self._loops = 0

    def steps(self, holder: dict[str, Any], key: str, at: Path) -> Steps:
        """Return the steps listed under `key`."""
        found: Steps = []
        for index, step in enumerate(self._fields.items(holder, key, at)):
            found += self._step(step, (*at, key, index))
        return found

    def _step(self, step: object, at: Path) -> Steps:
        if not isinstance(step, dict):
            self._fields.refuse(at, "a step is a mapping with a `type`")
            return []
        kind = self._fields.text(step, "type", at)
        if kind not in _FIELDS:
            if kind:
                self._fields.refuse((*at, "type"), f"unknown step {kind!r}{nearest(kind, _FIELDS)}")
            return []
        if "config" in step:
            self._fields.known(step, ("id", "type", "config", "next"), at)
            at = (*at, "config")
            given = self._fields.known(step["config"], _FIELDS[kind], at)
        else:
            given = self._fields.known(step, ("id", "type", "next", *_FIELDS[kind]), at)
        if kind == "message":
            return self._message(given, at)
        if kind == "delay":
            return self._delay(given, at)
        return self._loop(given, at) if kind == "loop" else self._conditional(given, at)

    def _message(self, given: dict[str, Any], at: Path) -> Steps:
        key = self._fields.either(given, "content", "message", at)
        text = self._fields.text(given, key, at)
        self.texts.append(((*at, key), text, self._loops > 0))
        return [{"message": text + self._suffix}]

    def _delay(self, given: dict[str, Any], at: Path) -> Steps:
        if "durationMs" not in given:
            self._fields.refuse((*at, "durationMs"), "is missing")
        return [{"delay": self._fields.duration(given, "durationMs", at)}]

    def _loop(self, given: dict[str, Any], at: Path) -> Steps:
        key = self._fields.either(given, "steps", "bodySteps", at)
        self._loops += 1
        steps = self.steps(given, key, at)
        self._loops -= 1
        if not given.get(key):
            self._fields.refuse((*at, key), "an empty loop says nothing; give it steps or take it out")
        if "iterations" not in given:
            self._fields.refuse((*at, "iterations"), "is missing")
        return [{"loop": self._fields.whole(given, "iterations", at, 0, 100_000), "steps": steps}]

    def _conditional(self, given: dict[str, Any], at: Path) -> Steps:
        condition = self._fields.text(given, "condition", at)
        before: Steps = []
        expression = self._expression(condition, (*at, "condition"), before) if condition else ""
        lanes = {"then": self.steps(given, "thenSteps", at), "else": self.steps(given, "elseSteps", at)}
        return [*before, {"if": expression, **{word: steps for word, steps in lanes.items() if steps}}]

    def _expression(self, condition: str, at: Path, before: Steps) -> str:
        """Return the expression of a condition. Steps that have to stand before it are added to `before`."""
        if "{{" in condition:
            self._fields.refuse(at, "tags in conditions are not known; write the text itself")
            return ""
        if called := _CALLED.fullmatch(condition.strip()):
            return self._compared("contains", re.sub(r"\\(.)", r"\1", called[2], flags=re.DOTALL), condition, at)
        if coloned := _COLON.fullmatch(condition):
            if coloned[1] == "matches":
                return self._matches(coloned[2], condition, at, before)
            return self._compared(coloned[1], coloned[2], condition, at)
        if length := _LENGTH.fullmatch(condition.strip()):
            return self._said(condition, at, f"reply|length {length[1]} {int(length[2])}")
        self._fields.refuse(at, f"unknown condition {condition!r}{nearest(condition, _CONDITIONS)}")
        return ""

    def _compared(self, word: str, text: str, condition: str, at: Path) -> str:
        if text != text.strip():
            self._fields.changes.append(f"{shown(at)}: white space at the ends of the text counts.")
        if word == "equals":
            return self._said(condition, at, f"reply == {quoted(text)}")
        # Letters beyond ASCII are lowered where the reply is, so that both are lowered by the same rules.
        wanted = quoted(text.lower()) if text.isascii() else f"{quoted(text)}|lower"
        return self._said(condition, at, f"{wanted} in reply|lower")

    def _matches(self, regex: str, condition: str, at: Path, before: Steps) -> str:
        try:
            re.compile(regex)
        except re.error as error:
            self._fields.refuse(at, f"not a regular expression as Python reads it: {error}")
            return ""
        name = next(name for count in range(1, len(self._taken) + 2) if (name := f"matched_{count}") not in self._taken)
        self._taken.add(name)
        # Only `default` can be false: a match is a text, or none where its first group took no part.
        before.append({"set": {name: {"regex": regex, "default": False}}})
        return self._said(condition, at, f"{name} is not false", "; the regular expression is read by Python's rules")

    def _said(self, condition: str, at: Path, expression: str, more: str = "") -> str:
        self._fields.changes.append(f"{shown(at)}: the condition {condition!r} is `{expression}`{more}.")
        return expression


def quoted(text: str) -> str:
    """Return the literal of an expression that stands for `text`, whatever is in it."""
    return (
        "'"
        + _ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}" if found[0] not in "\\'" else f"\\{found[0]}", text)
        + "'"
    )


def with_delays(steps: Steps, pause: str, follows: bool) -> Steps:
    """Return the steps with a delay after each message that another may follow. `follows`: one does after all of them."""
    out: Steps = []
    for index, step in enumerate(steps):
        more = follows or any(_sends(later) for later in steps[index + 1 :])
        if "message" in step:
            out += [step, {"delay": pause}] if more else [step]
        elif "loop" in step:
            out.append({**step, "steps": with_delays(step["steps"], pause, more or step["loop"] > 1)})
        else:
            lanes: dict[str, Any] = {
                lane: with_delays(step[lane], pause, more) for lane in ("then", "else") if lane in step
            }
            out.append({**step, **lanes})
    return out


def _sends(step: dict[str, Any]) -> bool:
    return "message" in step or any(_sends(inner) for lane in ("steps", "then", "else") for inner in step.get(lane, ()))
