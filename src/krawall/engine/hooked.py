"""Hooks around a target's line: what they take is held back from measured times. A target without hooks has none of this."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from krawall.model.connector import Channel, Gate, Line, Mark, Secrets, Tap
from krawall.model.exchange import Fault, Prompt, Reply, TargetFault
from krawall.model.hook import Hooked, Surroundings
from krawall.model.plan import ShardSpec
from krawall.model.target import Target
from krawall.net.fetch import Fetcher
from krawall.plugins.hooking import hooks_of
from krawall.wire.redact import Redactor


@asynccontextmanager
async def hooked(
    line: Line,
    target: Target,
    secrets: Secrets,
    gate: Gate,
    spec: ShardSpec,
    now: Callable[[], int],
    scrub: Redactor | None,
) -> AsyncIterator[tuple[Line, Callable[[str], str] | None]]:
    """Put a target's hooks around its line, and give what may be written down of a text; without hooks both stay as they are.

    Hooks open in order and close in the reverse order. `scrub` takes out the secrets that are known before; None: there are none.
    """
    hooks = hooks_of(target)
    if not hooks:
        yield line, scrub
        return
    scrub = scrub or Redactor([])
    fetch = Fetcher(target, secrets, gate, spec.session)
    around = Surroundings(target, secrets, spec.session, spec.directory, now, fetch, scrub.add)
    async with AsyncExitStack() as stack:
        opened = [await stack.enter_async_context(hook.open(around)) for hook in hooks]
        keeping = [hook.keep for hook in opened if type(hook).keep is not Hooked.keep]
        yield HookedLine(line, opened), Kept(scrub, keeping) if keeping else scrub


class Kept:
    """What may be written down of a text: without secrets, and as the hooks leave it."""

    def __init__(self, scrub: Callable[[str], str], keeping: Sequence[Callable[[str], str]]) -> None:
        self._scrub = scrub
        self._keeping = keeping

    def __call__(self, text: str) -> str:
        """Return what may be written down."""
        text = self._scrub(text)
        for keep in self._keeping:
            text = keep(text)
        return text


class HookedLine:
    """A line whose channels pass by hooks."""

    def __init__(self, line: Line, hooks: Sequence[Hooked]) -> None:
        self._line = line
        self._hooks = hooks

    def channel(self) -> Channel:
        """Return a user's channel."""
        return HookedChannel(self._line.channel(), self._hooks)

    async def probe(self) -> None:
        """Connect once; hooks have no part in it."""
        await self._line.probe()


class HookedChannel:
    """A channel with hooks before and after each exchange."""

    def __init__(self, channel: Channel, hooks: Sequence[Hooked]) -> None:
        self._channel = channel
        self._hooks = hooks

    async def exchange(self, prompt: Prompt, mark: Mark) -> Reply:
        """Let the hooks change the prompt, send it, let them look at what came of it.

        When one of them has mended what made it fail, it is sent once more; the first try and the mending are held back
        from its times, and it is one attempt.

        Raises:
            TargetFault: it failed.
        """
        began = mark.now()
        sent = await self._before(prompt, mark)
        try:
            reply = await self._channel.exchange(sent, mark)
        except TargetFault as trouble:
            if not await self._mended(sent, trouble.fault):
                raise
            mark.again(began)
            sent = await self._before(prompt, mark)
            reply = await self._once_more(sent, mark)
        for hook in reversed(self._hooks):
            reply = await hook.after_receive(sent, reply)
        return reply

    async def _before(self, prompt: Prompt, mark: Mark) -> Prompt:
        mark.hold()
        try:
            for hook in self._hooks:
                prompt = await hook.before_send(prompt)
        finally:
            mark.release()
        return prompt

    async def _once_more(self, sent: Prompt, mark: Mark) -> Reply:
        try:
            return await self._channel.exchange(sent, mark)
        except TargetFault as trouble:
            await self._mended(sent, trouble.fault)
            raise

    async def _mended(self, sent: Prompt, fault: Fault) -> bool:
        """Tell every hook of a fault; whether one of them says that sending once more is worth it."""
        found = False
        for hook in reversed(self._hooks):
            found = await hook.on_error(sent, fault) or found
        return found

    def slow(self, by_ns: int) -> None:
        """Read slowly."""
        self._channel.slow(by_ns)

    def listen(self, tap: Tap | None) -> None:
        """Let somebody hear what goes over the wire."""
        self._channel.listen(tap)

    async def close(self) -> None:
        """Hang up."""
        await self._channel.close()
