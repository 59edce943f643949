"""What a conductor must know to go on where another one was: small, written each second, read once after a crash."""

from __future__ import annotations

from typing import Self

import msgspec

from krawall.conduct.losses import Lost
from krawall.load.allowances import Kept
from krawall.load.timeline import Pause
from krawall.model.base import Record
from krawall.model.budget import Spend
from krawall.model.progress import Adjusted, Progress
from krawall.model.session import Outcome, State
from krawall.model.summary import Gap, Judged


class Saved(Record, frozen=True):
    """The state of a conductor. Points of the charts are not in it: they are rows.

    `floor` is the least attempt at each shard that counts, `told` the allowance in the newest answer to each. `merged` is
    the tally of the last tick, at `ticked_ns` of the timeline, so that the next one covers the hole. `given` are arrivals of
    epochs before the newest change. `losses` counts lost attempts.
    """

    state: State
    outcome: Outcome
    origin: int = 0
    allowances: Kept | None = None
    reason: str = ""
    reason_kind: str = ""
    stop: str = "no"
    over: bool = False
    pauses: list[Pause] = []
    adjusted: Adjusted | None = None
    given: int = 0
    progress: list[Progress] = []
    past: list[Lost] = []
    losses: int = 0
    gaps: list[Gap] = []
    floor: dict[int, int] = {}
    told: dict[int, Spend] = {}
    windows: dict[str, Judged] = {}
    merged: bytes = b""
    ticked_ns: int = 0
    first_p50_us: float | None = None

    def encode(self) -> bytes:
        """Return it as msgpack."""
        return msgspec.msgpack.encode(self)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Return what `encode` wrote.

        Raises:
            msgspec.DecodeError: the bytes are something else.
        """
        return msgspec.msgpack.decode(data, type=cls)
