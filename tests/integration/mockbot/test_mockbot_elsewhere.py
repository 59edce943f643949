"""Replies that do not come where the question went: jobs to poll for, and streams with a separate call to send."""

import json
from typing import Any

import pytest

QUICK = {"first_token": "0", "gap": "0"}


async def listen(bot: Any, name: str) -> Any:
    """Open a stream and read its head and first event."""
    client = await bot.client()
    client.send("GET", f"/stream/{name}")
    head = await client.reader.readuntil(b"\r\n\r\n")
    assert b"200 OK" in head
    assert b"text/event-stream" in head
    assert await event(client) == ("ready", {"id": name})
    return client


async def event(client: Any) -> tuple[str, Any]:
    """Read the next event, one chunk: its name and data."""
    size = int(await client.reader.readuntil(b"\r\n"), 16)
    lines = (await client.reader.readexactly(size + 2)).decode().strip().split("\n")
    name = lines[0].removeprefix("event: ") if len(lines) > 1 else ""
    return name, json.loads(lines[-1].removeprefix("data: "))


async def reply(client: Any) -> tuple[str, list[Any]]:
    """Read events up to one with a name."""
    found = []
    while True:
        name, data = await event(client)
        found.append(data)
        if name:
            return name, found


async def test_a_job_is_accepted_at_once_and_ready_when_its_time_has_come(start: Any) -> None:
    client = await (await start(latency="20ms")).client()
    accepted = await client.ask("POST", "/jobs", {"message": "What is 3 plus 4?"})
    assert accepted.status == 202
    states = []
    while not states or states[-1]["status"] == "running":
        states.append((await client.ask("GET", accepted.json()["status_url"])).json())
    assert states[0]["status"] == "running"
    assert (states[-1]["status"], states[-1]["reply"]) == ("done", "3 plus 4 is 7.")
    again = await client.ask(
        "POST",
        "/jobs",
        {"message": "x", "conversation_id": states[-1]["conversation_id"]},
        x_mock_behaviour="latency=0",
    )
    assert (await client.ask("GET", again.json()["status_url"])).json()["usage"]["prompt_tokens"] > 5 + 5


async def test_jobs_fail_are_refused_and_need_a_key(start: Any) -> None:
    bot = await start(api_key="k1", stream_error=1.0)
    client = await bot.client()
    key = {"Authorization": "Bearer k1"}
    job = (await client.ask("POST", "/jobs", {"message": "x"}, **key)).json()
    assert (await client.ask("GET", job["status_url"], **key)).json()["status"] == "failed"
    assert (await client.ask("GET", job["status_url"])).status == 401
    assert (await client.ask("GET", "/jobs/else", **key)).status == 404
    assert (await client.ask("GET", "/jobs", **key)).status == 405
    assert (await client.ask("POST", "/jobs", {"message": "x"})).status == 401
    await client.ask("POST", "/reset")
    assert (await client.ask("GET", job["status_url"], **key)).status == 404


async def test_a_message_sent_is_answered_on_the_stream(start: Any) -> None:
    bot = await start(**QUICK, oracle=True)
    stream, client = await listen(bot, "s1"), await bot.client()
    accepted = await client.ask("POST", "/send/s1", {"message": "my name is Ada"}, x_krawall_turn="t1")
    assert (accepted.status, accepted.json()) == (202, {"id": "m1", "conversation_id": "s1"})
    name, events = await reply(stream)
    assert (name, {each["id"] for each in events}) == ("done", {"m1"})
    await client.ask("POST", "/send/s1", {"message": "What is my name?"})
    _, events = await reply(stream)
    assert "".join(each.get("text", "") for each in events) == "Your name is Ada."
    first, second = [json.loads(line) for line in (await client.ask("GET", "/oracle")).body.splitlines()]
    assert (first["id"], first["status"], first["end"]) == ("t1", 202, "done")
    assert second["sent_ns"] == [each["ts"] for each in events[:-1]]
    assert bot.server.stats()["in_flight"] == 0


async def test_without_a_listener_a_message_is_refused(start: Any) -> None:
    bot = await start(**QUICK, api_key="k1")
    client = await bot.client()
    key = {"Authorization": "Bearer k1"}
    assert (await client.ask("POST", "/send/s1", {"message": "x"}, **key)).status == 409
    assert (await client.ask("GET", "/stream/s1")).status == 401
    assert (await client.ask("POST", "/stream/s1", **key)).headers["allow"] == "GET"
    assert (await client.ask("GET", "/send/s1", **key)).status == 405
    assert (await client.ask("GET", "/stream/", **key)).status == 404


@pytest.mark.parametrize(("cut", "end"), [("truncate", "truncated"), ("disconnect", "disconnected")])
async def test_a_cut_ends_the_stream_and_not_the_call(start: Any, cut: str, end: str) -> None:
    bot = await start(**QUICK)
    stream, client = await listen(bot, "s1"), await bot.client()
    assert (await client.ask("POST", "/send/s1", {"message": "x"}, x_mock_behaviour=f"{cut}=1")).status == 202
    rest = await read_to_the_end(stream)
    assert rest.endswith(b"0\r\n\r\n") == (cut == "truncate")
    assert bot.server.stats()["ends"] == {end: 1}
    await listen(bot, "s1")
    assert (await client.ask("POST", "/send/s1", {"message": "x"})).status == 202


async def test_an_error_in_the_middle_leaves_the_stream_open(start: Any) -> None:
    bot = await start(**QUICK)
    stream, client = await listen(bot, "s1"), await bot.client()
    for behaviour, name in (("stream_error=1", "error"), ("gap=0", "done")):
        await client.ask("POST", "/send/s1", {"message": "x"}, x_mock_behaviour=behaviour)
        assert (await reply(stream))[0] == name


async def test_who_listens_anew_takes_over_and_who_leaves_aborts(start: Any) -> None:
    bot = await start(first_token="30s")
    old = await listen(bot, "s1")
    new, client = await listen(bot, "s1"), await bot.client()
    assert (await read_to_the_end(old)).endswith(b"0\r\n\r\n")
    assert (await client.ask("POST", "/send/s1", {"message": "x"})).status == 202
    assert bot.server.stats()["in_flight"] == 1
    new.writer.close()
    while bot.server.stats()["in_flight"]:
        await client.ask("GET", "/health")
    assert bot.server.stats()["ends"] == {"aborted": 1}
    assert (await client.ask("POST", "/send/s1", {"message": "x"})).status == 409


async def read_to_the_end(client: Any) -> bytes:
    """Read what is left; a cut is an end too."""
    data = b""
    try:
        while part := await client.reader.read(4096):
            data += part
    except ConnectionResetError:
        pass
    return data
