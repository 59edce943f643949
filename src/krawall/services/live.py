"""Many readers of one channel share one subscription to the bus. What a reader has not taken yet is one tick and one flag, never a queue."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import msgspec

from krawall.errors import Unavailable
from krawall.queue.bus import Bus, Poke

PROBE_S = 1.0  # how often we ask whether the bus is there, while somebody reads
SUBSCRIBE_S = 2.0  # how long a reader waits for the subscription before it reads the rows by itself


class _Payload(msgspec.Struct):
    """What of a poke counts here: a tick, as it goes to readers. Anything else says that there may be new rows."""

    tick: msgspec.Raw = msgspec.Raw(b"")


class Mailbox:
    """What one reader has not taken yet. Owned by the reader; filled by its topic.

    `look`: there may be new rows. A newer tick takes the place of an older one.
    """

    def __init__(self, topic: Topic) -> None:
        self._topic = topic
        self._filled = asyncio.Event()
        self._tick: bytes | None = None
        self.look = True

    @property
    def followed(self) -> bool:
        """Whether the bus tells of new rows; if not, the reader has to ask."""
        return self._topic.followed

    def put(self, tick: bytes | None) -> None:
        """Take in a tick, or without one that there may be new rows."""
        if tick is None:
            self.look = True
        else:
            self._tick = tick
        self._filled.set()

    def tick(self) -> bytes | None:
        """Return the newest tick that was not taken yet, JSON, and forget it."""
        tick, self._tick = self._tick, None
        return tick

    async def wait(self, seconds: float) -> None:
        """Return when something came in, or after `seconds`."""
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, seconds)):
                await self._filled.wait()
        self._filled.clear()


class Topic:
    """One channel with its readers. `settled`: the first attempt to follow it is over."""

    def __init__(self, channel: str) -> None:
        self.channel = channel
        self.readers: set[Mailbox] = set()
        self.settled = asyncio.Event()
        self.followed = False
        self.task: asyncio.Task[None] | None = None

    def state(self, followed: bool) -> None:
        """Note whether the bus is there. Either way something may have been missed."""
        self.followed = followed
        self.settled.set()
        self.hand(None)

    def hand(self, tick: bytes | None) -> None:
        """Give every reader a tick, or the word to look at the rows."""
        for reader in self.readers:
            reader.put(tick)

    def take(self, poke: Poke) -> None:
        """Hand on what the bus brought."""
        if poke.gap:
            self.state(True)
            return
        try:
            payload = msgspec.json.decode(poke.payload or b"{}", type=_Payload)
        except msgspec.MsgspecError:
            payload = _Payload()
        self.hand(bytes(payload.tick) or None)


class Live:
    """The readers of this process. One per app; owns the tasks that follow the bus."""

    def __init__(self, bus: Bus, closing: asyncio.Event, tasks: asyncio.TaskGroup) -> None:
        self._bus = bus
        self._tasks = tasks
        self._topics: dict[str, Topic] = {}
        self.closing = closing

    @classmethod
    @asynccontextmanager
    async def open(cls, bus: Bus, closing: asyncio.Event) -> AsyncIterator[Live]:
        """Serve readers while the block lasts. `closing`: once it is set every reader is woken, to end."""
        async with asyncio.TaskGroup() as tasks:
            live = cls(bus, closing, tasks)
            own = [tasks.create_task(live._close()), tasks.create_task(live._probe())]
            try:
                yield live
            finally:
                for task in [*own, *(topic.task for topic in live._topics.values() if topic.task)]:
                    task.cancel()

    @property
    def topics(self) -> int:
        """How many channels are followed."""
        return len(self._topics)

    @asynccontextmanager
    async def listen(self, channel: str) -> AsyncIterator[Mailbox]:
        """Give a mailbox. The channel is followed by now, or the mailbox says that it is not."""
        topic = self._topics.get(channel)
        if topic is None:
            topic = self._topics[channel] = Topic(channel)
            topic.task = self._tasks.create_task(self._follow(topic))
        box = Mailbox(topic)
        topic.readers.add(box)
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(SUBSCRIBE_S):
                    await topic.settled.wait()
            yield box
        finally:
            topic.readers.discard(box)
            if not topic.readers and self._topics.get(channel) is topic:
                del self._topics[channel]
                if topic.task:
                    topic.task.cancel()

    async def _follow(self, topic: Topic) -> None:
        while True:
            with suppress(Unavailable):
                async with self._bus.follow(topic.channel) as pokes:
                    topic.state(True)
                    async for poke in pokes:
                        topic.take(poke)
            topic.state(False)
            await asyncio.sleep(PROBE_S)

    async def _probe(self) -> None:
        """Notice that the bus is away, since a subscription that waits for it does not say so; follow anew once it is back."""
        while True:
            await asyncio.sleep(PROBE_S)
            if not self._topics:
                continue
            try:
                async with asyncio.timeout(PROBE_S):
                    await self._bus.ping()
            except (Unavailable, TimeoutError):
                for topic in self._topics.values():
                    topic.state(False)
            else:
                self._again([topic for topic in self._topics.values() if not topic.followed])

    def _again(self, topics: list[Topic]) -> None:
        for topic in topics:
            if topic.task:
                topic.task.cancel()
            topic.task = self._tasks.create_task(self._follow(topic))

    async def _close(self) -> None:
        await self.closing.wait()
        for topic in self._topics.values():
            topic.hand(None)
