"""Hooks around a target's line: what they take is held back from measured times. A target without hooks has none of this."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from krawall.model.connector import Channel, Gate, Line, Mark, Secrets, Tap
from krawall.model.exchange import Fault, FaultKind, Prompt, Reply, TargetFault
from krawall.model.hook import Fetch, Hooked, Surroundings
from krawall.model.plan import ShardSpec
from krawall.model.target import Target
from krawall.net.fetch import Fetcher
from krawall.plugins.hooking import hooks_of
from krawall.wire.auth import can_be_sent
from krawall.wire.redact import Redactor


@asynccontextmanager
async def hooked(
    line: Line,
    target: Target,
    secrets: Secrets,
    gate: Gate,
    spec: ShardSpec,
    now: Callable[[], int],
    scrub: Redactor,
    fetch: Fetch | None = None,
) -> AsyncIterator[tuple[Line, Callable[[str], str] | None]]:
    """Put a target's hooks around its line, and give what may be written down of a text; None: all of it.

    Hooks open in order and close in the reverse order. Without hooks the line stays as it is.

    Args:
        line: the line of the target's connector, open.
        target: whose hooks they are.
        secrets: opens references for the hooks.
        gate: which hosts they may ask.
        spec: the shard; its directory is where they may keep files.
        now: the engine's clock, ns.
        scrub: takes out secrets; learns the tokens that hooks get.
        fetch: how hooks ask; None: by sockets of their own.
    """
    hooks = hooks_of(target)
    if not hooks:
        yield line, scrub if scrub.any else None
        return
    kept = Kept(scrub)
    fetch = fetch or Fetcher(target, secrets, gate, spec.session)
    part = f"{spec.index}-{spec.attempt}"
    around = Surroundings(target, secrets, spec.session, spec.directory, now, fetch, scrub.add, kept, part)
    async with AsyncExitStack() as stack:
        opened = [await stack.enter_async_context(hook.open(around)) for hook in hooks]
        kept.keeping = [hook.keep for hook in _overriding(opened, "keep")]
        yield HookedLine(line, opened), kept


def _overriding(hooks: Sequence[Hooked], name: str) -> list[Hooked]:
    """Return the hooks that do something at one point: the others cost nothing there."""
    return [hook for hook in hooks if getattr(type(hook), name) is not getattr(Hooked, name)]


class Kept:
    """What may be written down of a text: without secrets, and as the hooks leave it."""

    def __init__(self, scrub: Callable[[str], str]) -> None:
        self._scrub = scrub
        self.keeping: Sequence[Callable[[str], str]] = ()

    def __call__(self, text: str) -> str:
        """Return what may be written down."""
        text = self._scrub(text)
        for keep in self.keeping:
            text = keep(text)
        return text


class HookedLine:
    """A line whose channels pass by hooks."""

    def __init__(self, line: Line, hooks: Sequence[Hooked]) -> None:
        self._line = line
        self._preparing = _overriding(hooks, "prepare")
        self.before = _overriding(hooks, "before_send")
        self.after = _overriding(hooks, "after_receive")[::-1]
        self.on_error = _overriding(hooks, "on_error")[::-1]

    def channel(self) -> Channel:
        """Return a user's channel; the bare one when hooks only look at what is written down."""
        channel = self._line.channel()
        return HookedChannel(channel, self) if self.before or self.after or self.on_error else channel

    async def probe(self) -> None:
        """Connect once, and let the hooks get ready.

        Raises:
            TargetFault: there is no way to the target, or a hook cannot do its part.
        """
        await self._line.probe()
        for hook in self._preparing:
            await hook.prepare()


class HookedChannel:
    """A channel with hooks before and after each exchange."""

    __slots__ = ("_channel", "_hooks")

    def __init__(self, channel: Channel, hooks: HookedLine) -> None:
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
            if not await self._mended(sent, trouble.fault, mark):
                raise
            mark.again(began)
            sent = await self._before(prompt, mark)
            reply = await self._once_more(sent, mark)
        if not self._hooks.after:
            return reply
        mark.hold()  # the reply is there: no timeout of the target runs on
        try:
            for hook in self._hooks.after:
                reply = await hook.after_receive(sent, reply)
        finally:
            mark.release(counted=False)
        return reply

    async def _before(self, prompt: Prompt, mark: Mark) -> Prompt:
        if not self._hooks.before:
            return prompt
        mark.hold()
        try:
            for hook in self._hooks.before:
                prompt = await hook.before_send(prompt)
        finally:
            mark.release()
        for name, value in prompt.extra.items():
            if not can_be_sent(name, value):
                raise TargetFault(
                    FaultKind.protocol, f"a hook wants to send a header {name!r:.80} that no header can be"
                )
        return prompt

    async def _once_more(self, sent: Prompt, mark: Mark) -> Reply:
        try:
            return await self._channel.exchange(sent, mark)
        except TargetFault as trouble:
            await self._mended(sent, trouble.fault, mark)
            raise

    async def _mended(self, sent: Prompt, fault: Fault, mark: Mark) -> bool:
        """Tell every hook of a fault; whether one of them says that sending once more is worth it.

        Raises:
            TargetFault: what kept a hook from mending it, once all of them were told.
        """
        found, trouble = False, None
        mark.hold()
        try:
            for hook in self._hooks.on_error:
                try:
                    found = await hook.on_error(sent, fault) or found
                except TargetFault as other:
                    trouble = trouble or other
        finally:
            mark.release(counted=False)
        if trouble is not None and not found:
            raise trouble
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
