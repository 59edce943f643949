"""The start form of a session as texts and back: what is laid over a scenario, and to which field an error belongs. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from krawall.errors import DocumentError
from krawall.plugins.assemble import places
from krawall.services.starting import StartSession

CLOSED, OPEN = "users", "rate"
"""Values of the field `load`; empty: as the scenario says."""
CAPS = {
    "cap-cost": "cost", "cap-duration": "duration", "cap-conversations": "conversations", "cap-requests": "requests",
    "cap-tokens": "tokens",
}  # fmt: skip
"""Fields of the form and the caps of a budget that they stand for."""
FIELDS = (
    "scenario", "target", "name", "load", "users", "rate", "duration", "conversations", *CAPS, "thresholds", "seed", "shards",
)  # fmt: skip
_NUMBERS = ("users", "conversations", "seed", "shards")
_COUNTS = ("conversations", "requests", "tokens")


def read_values(given: Mapping[str, Any]) -> dict[str, str]:
    """Return what a form or an address says, without names that are unknown and values that are empty."""
    found = {name: str(given.get(name, "")).strip()[:20_000] for name in FIELDS}
    return {name: value for name, value in found.items() if value}


def request_of(values: Mapping[str, str], budget: Mapping[str, Any]) -> StartSession:
    """Return the request that a form says. `budget`: the scenario's own, over which the form's caps are laid.

    Raises:
        DocumentError: a field cannot be read; its places are names of fields.
    """
    asked: dict[str, Any] = {
        name: values[name] for name in ("scenario", "target", "name", "duration") if values.get(name)
    }
    kind = values.get("load", "")
    if kind == CLOSED and values.get("users"):
        asked["users"] = values["users"]
    if kind == OPEN and values.get("rate"):
        asked["rate"] = values["rate"]
    asked |= {name: values[name] for name in ("conversations", "seed", "shards") if values.get(name)}
    asked |= {name: _whole(asked[name]) for name in _NUMBERS if name in asked}
    caps = {cap: values[name] for name, cap in CAPS.items() if values.get(name)}
    if caps:
        asked["budget"] = {**budget, **{cap: _whole(text) if cap in _COUNTS else text for cap, text in caps.items()}}
    if rules := [line.strip() for line in values.get("thresholds", "").splitlines() if line.strip()]:
        asked["thresholds"] = rules
    try:
        return StartSession.model_validate(asked)
    except ValidationError as error:
        raise DocumentError("session", places(error, asked, None)) from None


def field_of(path: str) -> str:
    """Return the name of the field that a place belongs to; empty: no field of the form."""
    head, _, tail = path.partition(".")
    if head == "budget":
        return next((name for name, cap in CAPS.items() if cap == tail.partition(".")[0]), "")
    if head == "load":
        return tail if tail in ("users", "rate", "duration", "conversations") else "load"
    return head if head in FIELDS else ""


def _whole(text: str) -> int | str:
    plain = text.replace(",", "").replace("_", "")
    return int(plain) if plain.isdigit() and len(plain) < 19 else text
