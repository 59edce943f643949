"""What happens when something goes wrong or takes too long: timeouts, the error policy, the breaker, seeded faults of our own."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from krawall.model.base import NS_PER_S, Document, Duration
from krawall.model.exchange import FaultKind
from krawall.model.spread import Spread

Action = Literal["retry", "skip", "end", "abort"]


class Timeouts(Document):
    """How long to wait, at most. Running out is a fault of kind `timeout` (of `connect`: `connect`); `conversation` and
    `session` end what they bound."""

    connect: Duration = 5 * NS_PER_S
    first_token: Duration = Field(30 * NS_PER_S, alias="first token")
    between_tokens: Duration = Field(15 * NS_PER_S, alias="between tokens")
    turn: Duration = 120 * NS_PER_S
    conversation: Duration | None = None
    session: Duration | None = None


class Rule(Document):
    """Faults that match (any of `status`, any of `kind`) are answered by `do`. The first matching rule wins."""

    status: list[Annotated[int, Field(ge=100, le=599)]] = []
    kind: list[FaultKind] = []
    do: Action
    max: Annotated[int, Field(ge=1, le=100)] = Field(3, description="how many times to try again")
    wait: Duration = Field(NS_PER_S // 2, description="the wait before the first retry")
    factor: Annotated[float, Field(ge=1)] = Field(2.0, description="each further wait is so many times the one before")
    cap: Duration = Field(30 * NS_PER_S, description="no wait is longer, Retry-After included")
    jitter: Annotated[float, Field(ge=0, le=1)] = Field(0.5, description="the share of a wait that is drawn at random")
    then: Literal["skip", "end", "abort"] = Field("skip", description="what to do when the retries are used up")


class Breaker(Document):
    """Circuit breaker: opens after `faults` of the last `window` turns failed; after `rest` one probe may go through."""

    faults: Annotated[int, Field(ge=1)] = 50
    window: Annotated[int, Field(ge=1)] = 100
    rest: Duration = 5 * NS_PER_S

    @model_validator(mode="after")
    def _opens(self) -> Self:
        if self.faults > self.window:
            raise ValueError("`faults` is more than `window`: it would never open")
        return self


class OnError(Document):
    """The scenario's error policy. Without a matching rule, `default` says what to do (None: by kind, see load.retry)."""

    default: Action | None = None
    rules: list[Rule] = []
    breaker: Breaker | None = None


class Injection(Document):
    """A fault that we put in on our side of the wire, seeded, marked, and never counted as the target's.

    `share` is the probability per attempt. `delay` waits before the send; `drop` never sends; `truncate` ends the reply
    after `after` tokens; `disconnect` cuts the connection there; `malformed` garbles the reply; `status` answers with a
    made-up status; `slow` reads the reply late, by `by` per token.
    """

    kind: Literal["delay", "drop", "truncate", "disconnect", "malformed", "status", "slow"]
    share: Annotated[float, Field(ge=0, le=1)]
    by: Spread | None = None
    after: Annotated[int, Field(ge=0)] = 3
    status: Annotated[int, Field(ge=100, le=599)] = 503
