"""How much: closed (users over time) or open (arrivals over time), in stages, with the phases of one timeline."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from krawall.model.base import Document, Duration, Rate, Size
from krawall.model.spread import Spread, SpreadValue

ZERO = SpreadValue("fixed", 0)


class Phase(StrEnum):
    """The label of an exchange by its planned start. Thresholds read `measure` only."""

    warm_up = "warm-up"
    measure = "measure"
    cool_down = "cool-down"


class Stage(Document):
    """One piece of a profile: linear from the value before to `to` within `over`; `over: 0s` is a step."""

    over: Duration
    to: Annotated[float, Field(ge=0)]


class RateStage(Document):
    """One piece of a profile of arrivals: linear from the rate before to `to` within `over`."""

    over: Duration
    to: Annotated[Rate, Field(ge=0)]


class _Timed(Document):
    """What both models share."""

    duration: Duration | None = Field(
        None, description="how long new conversations start; the stages say it themselves when there are any"
    )
    warm_up: Duration = Field(
        0, alias="warm-up", description="the first part of the timeline, left out of the thresholds"
    )
    cool_down: Duration = Field(
        0, alias="cool-down", description="the last part of the timeline, left out of the thresholds"
    )


def _measures(load: Closed | Open) -> None:
    if load.length_ns is not None and load.warm_up + load.cool_down >= load.length_ns:
        raise ValueError("warm-up and cool-down leave nothing of the timeline to measure")


class Closed(_Timed):
    """Closed model: `users` virtual users, each playing conversations one after another."""

    model: Literal["closed"] = "closed"
    users: Annotated[int, Field(ge=1)] | list[Stage] = 1
    conversations: Size | None = Field(
        None, description="how many conversations in all; without it the duration ends the session"
    )
    pause: Spread = Field(ZERO, description="a user's wait between two conversations")

    @model_validator(mode="after")
    def _ends(self) -> Self:
        if isinstance(self.users, list):
            if not self.users or sum(stage.over for stage in self.users) == 0:
                raise ValueError("stages need at least one with a length above 0")
            if self.duration is not None:
                raise ValueError("the stages already say how long; leave out `duration`")
        elif self.duration is None and self.conversations is None:
            raise ValueError("say when it ends: `conversations: 100`, `duration: 2m`, or stages of users")
        _measures(self)
        return self

    @property
    def peak_users(self) -> int:
        """The most users at any time."""
        if isinstance(self.users, int):
            return self.users
        return max(1, *(int(-(-stage.to // 1)) for stage in self.users))

    @property
    def length_ns(self) -> int | None:
        """The length of the timeline, ns; None when the number of conversations alone ends it."""
        return sum(stage.over for stage in self.users) if isinstance(self.users, list) else self.duration


class Open(_Timed):
    """Open model: conversations arrive at `rate`, whether or not earlier ones have ended."""

    model: Literal["open"] = "open"
    rate: Annotated[Rate, Field(gt=0)] | list[RateStage]
    arrivals: Literal["constant", "poisson"] = "constant"
    conversations: Size | None = Field(None, description="at most so many arrivals")
    max_users: Annotated[int, Field(ge=1)] = Field(
        1000, alias="max users", description="at most so many conversations at once"
    )
    overrun: Literal["drop", "queue"] = Field(
        "drop", description="an arrival without a free user is dropped and counted, or waits"
    )

    @model_validator(mode="after")
    def _ends(self) -> Self:
        if isinstance(self.rate, list):
            if not self.rate or sum(stage.over for stage in self.rate) == 0:
                raise ValueError("stages need at least one with a length above 0")
            if self.duration is not None:
                raise ValueError("the stages already say how long; leave out `duration`")
        elif self.duration is None and self.conversations is None:
            raise ValueError("say when it ends: `conversations: 100`, `duration: 2m`, or stages of a rate")
        _measures(self)
        return self

    @property
    def peak_rate(self) -> float:
        """The most arrivals per second at any time."""
        return self.rate if isinstance(self.rate, float) else max(stage.to for stage in self.rate)

    @property
    def length_ns(self) -> int | None:
        """The length of the timeline, ns; None when the number of conversations alone ends it."""
        return sum(stage.over for stage in self.rate) if isinstance(self.rate, list) else self.duration


def _model_of(value: object) -> str:
    if isinstance(value, dict):
        return str(value.get("model") or ("open" if "rate" in value else "closed"))
    return "open" if isinstance(value, Open) else "closed"


Load = Annotated[Annotated[Closed, Tag("closed")] | Annotated[Open, Tag("open")], Discriminator(_model_of)]
"""`users` makes it closed, `rate` makes it open."""
