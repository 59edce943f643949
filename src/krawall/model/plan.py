"""A plan: the frozen union of scenario, target, load, policies, budget, thresholds and seed. Hashed; secrets are references."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
from pydantic import Field

from krawall.model.base import Document, Record
from krawall.model.load import Load
from krawall.model.scenario import Scenario
from krawall.model.target import Target


class Granted(Document):
    """What the guard rails granted: the tier, the host and the addresses pinned for the session."""

    tier: str
    host: str
    addresses: list[str]
    requests_per_s: float | None = None
    concurrent: int | None = None
    beside: dict[str, list[str]] = Field(
        {}, description="hosts that hooks may ask, such as a token server's, with addresses"
    )


class Plan(Document):
    """Everything that a session needs. Two equal plans send the same texts, whatever the number of shards or machines.

    `scenario.target` and `scenario.load` are None inside a plan: `target` and `load` hold them, resolved.
    """

    krawall: str = Field(description="version of Krawall that made it")
    scenario: Scenario
    target: Target
    load: Load
    granted: Granted
    rows: list[dict[str, Any]] = Field([], description="the data rows, read when the plan was made")
    base: str = Field("", description="where the scenario came from")
    plugins: dict[str, str] = {}

    @property
    def seed(self) -> int:
        """The seed of everything that is drawn."""
        return self.scenario.seed

    def to_json(self) -> bytes:
        """Return the canonical JSON: sorted keys, no spaces."""
        return msgspec.json.encode(self.model_dump(mode="json"), order="sorted")

    def digest(self) -> str:
        """Return the plan hash: 16 hex digits of SHA-256 over what decides the texts, the load and the verdict.

        Left out: pinned addresses, for the same test against the same host has the same hash wherever the host lives,
        `base`, for it is the same test whether it came from a file or from a server, and sinks, for they only listen.
        """
        data = self.model_dump(
            mode="json", exclude={"base": True, "granted": {"addresses", "beside"}, "scenario": {"sinks"}}
        )
        data["plugins"] = {name: who for name, who in self.plugins.items() if not name.startswith("sinks.")}
        return hashlib.sha256(msgspec.json.encode(data, order="sorted")).hexdigest()[:16]


class ShardSpec(Record, frozen=True):
    """The `index`-th of `count` slices of a session, and what its process needs to know besides the plan.

    `directory` is where its log segments go, and none of them takes lines for longer than `rotate_s` (0: until it is full);
    `attempt` fences a replaced shard from a late one.
    """

    session: str
    index: int
    count: int
    attempt: int
    directory: str
    bodies: bool = True
    skip_done: list[int] = []
    rotate_s: float = 0.0
