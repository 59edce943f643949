"""Replies on a stream of their own, against the mock bot: one stream a user, messages beside it, faults and a stream that is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from krawall.mockbot.behaviour import Behaviour
from krawall.mockbot.http import Server, serve
from krawall.model.connector import Channel
from krawall.testing.asking import ask, line_of, target_of

LISTEN = {"path": "/stream/{user}", "send": "/send/{user}", "greeting": 1}


@asynccontextmanager
async def users(count: int = 1, **behaviour: object) -> AsyncIterator[tuple[Server, list[Channel]]]:
    async with serve(Behaviour(**{"first_token": "1ms", "gap": "1ms", "tokens": "6", "seed": 3, **behaviour})) as bot:
        target = target_of(preset="custom-sse", url=f"{bot.url}/send/x", options={"listen": LISTEN})
        async with line_of(target) as line:
            channels = [line.channel() for _ in range(count)]
            yield bot, channels
            for channel in channels:
                await channel.close()


async def test_each_message_has_its_reply_on_the_one_stream():
    async with users() as (bot, (channel,)):
        first, second = await ask(channel, "hello"), await ask(channel, "and then?")
        assert bot.stats()["connections"] == 2
    assert first.text
    assert second.reply is not None
    assert second.reply.usage is not None
    assert first.reply is not None
    assert first.reply.usage is not None
    assert second.reply.usage.tokens_in > first.reply.usage.tokens_in, "the server remembers what was said"
    assert first.mark.events == 6
    assert first.reply is not None
    assert first.reply.usage is not None
    assert first.reply.usage.tokens_out == 6
    assert first.mark.sent_ns < first.mark.seen_ns <= first.mark.last_ns  # its events may come in one piece


async def test_users_do_not_hear_each_other():
    async with users(5) as (_, channels):
        answers = await asyncio.gather(
            *(ask(channel, f"I am number {index}") for index, channel in enumerate(channels))
        )
    assert all(answer.reply is not None and answer.mark.events == 6 for answer in answers)


async def test_a_status_of_the_sending_is_the_fault():
    async with users(errors={"429": 1.0}) as (_, (channel,)):
        assert (await ask(channel)).is_fault("rate_limited", "429")


async def test_an_error_on_the_stream_is_the_fault_with_what_came_before():
    async with users(stream_error=1.0, tokens="20") as (_, (channel,)):
        assert (await ask(channel)).is_fault("server")


async def test_a_stream_that_ends_in_mid_reply_is_truncated_and_the_next_message_listens_anew():
    async with users(truncate=1.0, tokens="20") as (bot, (channel,)):
        answer = await ask(channel)
        assert answer.fault.kind in ("truncated", "connect")
        bot.behaviour = Behaviour(first_token="1ms", gap="0ms", tokens="6")
        assert (await ask(channel)).text


async def test_without_the_key_there_is_no_listening():
    async with users(api_key="k") as (_, (channel,)):
        assert (await ask(channel)).is_fault("rejected", "401")


async def test_a_cancelled_message_leaves_nothing_for_the_next():
    async with users(first_token="5s") as (bot, (channel,)):
        try:
            async with asyncio.timeout(0.05):
                await ask(channel, "first")
        except TimeoutError:
            pass
        bot.behaviour = Behaviour(first_token="1ms", gap="0ms", tokens="6")
        assert (await ask(channel, "second")).mark.events == 6


async def test_what_an_event_says_can_end_a_reply():
    """The mock bot's last event names itself `done` and carries a finish reason: here the latter is what ends."""
    async with serve(Behaviour(first_token="1ms", gap="0ms", tokens="6", seed=3)) as bot:
        listen = {**LISTEN, "last": "never", "ends": {"path": "usage"}}
        async with line_of(target_of(preset="custom-sse", url=f"{bot.url}/send/x", options={"listen": listen})) as line:
            channel = line.channel()
            first, second = await ask(channel), await ask(channel)
            await channel.close()
    assert (first.mark.events, second.mark.events) == (6, 6)


async def test_a_stream_may_be_longer_than_any_reply():
    async with serve(Behaviour(first_token="1ms", gap="0ms", tokens="40", seed=3)) as bot:
        options = {"options": {"listen": LISTEN}, "sizes": {"body": 6000}}
        async with line_of(target_of(preset="custom-sse", url=f"{bot.url}/send/x", **options)) as line:
            channel = line.channel()
            answers = [await ask(channel) for _ in range(5)]
            await channel.close()
        assert bot.stats()["connections"] == 2
    assert all(answer.mark.events == 40 for answer in answers)
