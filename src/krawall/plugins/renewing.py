"""Something that runs out (a token, a login) and is got again: before that in the background, by one request however many ask.

States of it, and what a request does in each:

    none, run out      waits until it was got; a failure is the fault of everybody who waits
    good               goes on at once
    old                goes on at once with what there is; it is got again meanwhile
    refused (a 401)    waits as for `none`, unless another is there by now, or nothing of this one was ever accepted
    failed             for a while nobody asks again: a server in trouble is not asked by every user
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import msgspec

from krawall.errors import KrawallError
from krawall.model.base import NS_PER_S, Record
from krawall.model.exchange import Fault, FaultKind, Prompt, Reply, TargetFault
from krawall.model.hook import Hooked
from krawall.wire.auth import can_be_sent

FIRST_REST_S = 0.5
LONGEST_REST_S = 30.0
LONGEST_LIFE_S = 366 * 86_400.0


class Pass(Record, frozen=True):
    """Headers that say who we are. `life_s`: for how long since it was asked for, None: until it is refused."""

    headers: dict[str, str]
    life_s: float | None = None


class Renewing:
    """Owned by one open hook; lives as long. `get` asks for a pass; its argument tells whether the one at hand was refused."""

    def __init__(self, get: Callable[[bool], Awaitable[Pass]], early_ns: int, now: Callable[[], int]) -> None:
        self._get = get
        self._early_ns = early_ns
        self._now = now
        self._pass: Pass | None = None
        self._old_ns: int | None = None
        self._ends_ns: int | None = None
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._trouble: TargetFault | KrawallError | None = None
        self._failures = 0
        self._rest_until_ns = 0
        self._doubted = False  # it took the place of one that was refused, and nothing was accepted since

    async def current(self) -> Pass:
        """Return a pass that is good now; wait for one only when there is none.

        Raises:
            TargetFault: there is none to be had.
            KrawallError: it cannot be asked for.
        """
        held = self._pass
        if held is None or (self._ends_ns is not None and self._now() >= self._ends_ns):
            return await self._renewed(False)
        if self._old_ns is not None and self._now() >= self._old_ns:
            self._in_background()
        return held

    async def refused(self, prompt: Prompt) -> bool:
        """Whether it is worth sending `prompt` again after a 401: there is another pass, now or after a renewal.

        Raises:
            TargetFault: there is no other to be had.
        """
        held = self._pass
        if held is not None and all(prompt.extra.get(name) == value for name, value in held.headers.items()):
            if self._doubted:
                return False  # another one would be refused too
            await self._renewed(True)
        return True

    def accepted(self) -> None:
        """The pass was good for a request."""
        self._doubted = False

    async def close(self) -> None:
        """Stop what is under way."""
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _renewed(self, refused: bool) -> Pass:
        if self._trouble is not None and self._now() < self._rest_until_ns:
            raise self._trouble.with_traceback(None)  # the same for many: each would add where it was raised
        task = self._start(refused)
        await asyncio.wait([task])  # who stops waiting does not stop it for others
        if not task.cancelled() and (bug := task.exception()) is not None:
            raise bug
        if self._trouble is not None:
            raise self._trouble.with_traceback(None)
        assert self._pass is not None
        return self._pass

    def _in_background(self) -> None:
        if self._now() >= self._rest_until_ns:
            self._start(False)

    def _start(self, refused: bool) -> asyncio.Task[None]:
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._renew(refused))
        return self._task

    async def _renew(self, refused: bool) -> None:
        """Get another pass. A failure is kept for those who wait; in the background nobody does, and the old one goes on."""
        asked_ns = self._now()
        try:
            made = await self._get(refused)
            for name, value in made.headers.items():
                if not can_be_sent(name, value):
                    raise TargetFault(FaultKind.protocol, f"the value for {name!r} has letters that no header can have")
        except (TargetFault, KrawallError) as trouble:
            self._trouble = trouble
            self._rest()
            return
        self._pass, self._trouble, self._failures, self._rest_until_ns = made, None, 0, 0
        self._doubted = refused
        self._old_ns = self._ends_ns = None
        if made.life_s is not None and 0 < made.life_s <= LONGEST_LIFE_S:
            life_ns = round(made.life_s * NS_PER_S)
            self._ends_ns = asked_ns + life_ns
            self._old_ns = self._ends_ns - min(self._early_ns, life_ns // 2)  # never old from the beginning
            self._later((self._old_ns - self._now()) / NS_PER_S)

    def _rest(self) -> None:
        """Ask no more for a while, twice as long each time; but once more when what there is runs out."""
        rest_s = min(LONGEST_REST_S, FIRST_REST_S * 2 ** min(self._failures, 10))
        if self._ends_ns is not None and (left_s := (self._ends_ns - self._now()) / NS_PER_S) > 0:
            rest_s = min(rest_s, left_s)
        self._failures += 1
        self._rest_until_ns = self._now() + round(rest_s * NS_PER_S)
        self._later(rest_s)

    def _later(self, wait_s: float) -> None:
        """Get it again then, also when nobody asks: the next one who does should not have to wait."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        if self._pass is not None:
            self._timer = asyncio.get_running_loop().call_later(max(0.0, wait_s), self._in_background)


class Carrying(Hooked):
    """A hook whose part is to carry a pass: before each request, renewed when it runs out or is refused. `get`: see `Renewing`."""

    def __init__(self, early_ns: int, now: Callable[[], int]) -> None:
        self._renewing = Renewing(self.get, early_ns, now)

    @abstractmethod
    async def get(self, refused: bool) -> Pass:
        """Ask for a pass; `refused`: the one at hand was.

        Raises:
            TargetFault: there is none to be had.
        """

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Hooked]:
        """Be open until the block ends."""
        try:
            yield self
        finally:
            await self._renewing.close()

    async def prepare(self) -> None:
        """Get the first pass."""
        await self._renewing.current()

    async def before_send(self, prompt: Prompt) -> Prompt:
        """Add its headers."""
        held = await self._renewing.current()
        return msgspec.structs.replace(prompt, extra={**prompt.extra, **held.headers})

    async def after_receive(self, prompt: Prompt, reply: Reply) -> Reply:
        """It was good."""
        self._renewing.accepted()
        return reply

    async def on_error(self, prompt: Prompt, fault: Fault) -> bool:
        """A 401 asks for another, unless somebody has got one meanwhile."""
        return fault.status == 401 and await self._renewing.refused(prompt)
