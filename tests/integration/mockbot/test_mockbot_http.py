"""The mock bot's HTTP: whole replies, control pages, and the protocol's corners."""

import json
from typing import Any

import pytest

from krawall.errors import Refused
from krawall.mockbot.behaviour import Behaviour
from krawall.mockbot.bot import count_tokens
from krawall.mockbot.http import serve


async def test_a_chat_completion_is_answered_with_exact_usage(start: Any) -> None:
    client = await (await start()).client()
    seen = await client.chat("What is 3 plus 4?")
    body = seen.json()
    assert (seen.status, seen.headers["content-type"]) == (200, "application/json")
    assert body["choices"][0]["message"] == {"role": "assistant", "content": "3 plus 4 is 7.", "refusal": None}
    assert body["usage"]["completion_tokens"] == count_tokens("3 plus 4 is 7.")
    assert body["usage"]["prompt_tokens"] == count_tokens("What is 3 plus 4?")


async def test_texts_do_not_depend_on_the_order_of_requests_and_runs_repeat(start: Any) -> None:
    prompts = ["a lamp", "a desk", "parcel 12", "a lamp"]
    texts = []
    for order in (prompts, prompts[::-1]):
        client = await (await start(seed=5, tokens="10..40")).client()
        texts.append(
            {prompt: (await client.chat(prompt)).json()["choices"][0]["message"]["content"] for prompt in order}
        )
    assert texts[0] == texts[1]
    bodies = []
    for _ in range(2):
        client = await (await start(persona="flaky", disconnect=1e-9, seed=5)).client()
        bodies.append([(await client.chat(prompt)).body for prompt in prompts * 8])
    assert bodies[0] == bodies[1]


async def test_the_plain_dialect_holds_the_history(start: Any) -> None:
    client = await (await start()).client()
    first = (await client.ask("POST", "/chat", {"message": "my name is Ada"})).json()
    assert first["conversation_id"] == "c1"
    again = await client.ask("POST", "/chat", {"message": "What is my name?", "conversation_id": "c1"})
    assert again.json()["reply"] == "Your name is Ada."
    other = await client.ask("POST", "/chat", {"message": "What is my name?", "conversation_id": "x"})
    assert other.json()["reply"] == "You have not told me your name yet."
    streamed = await client.ask(
        "POST", "/chat", {"message": "What is my name?", "conversation_id": "c1", "stream": True}
    )
    *tokens, done = streamed.events()
    assert "".join(token["text"] for token in tokens) == "Your name is Ada."
    assert done["conversation_id"] == "c1"


async def test_a_large_prompt_is_counted_to_the_last_word(start: Any) -> None:
    client = await (await start()).client()
    prompt = "word " * 200_000 + "What is 20 times 3?"
    body = (await client.chat(prompt)).json()
    assert body["usage"]["prompt_tokens"] == 200_005
    assert body["choices"][0]["message"]["content"] == "20 times 3 is 60."


@pytest.mark.parametrize("body", ["{", '{"messages": []}', "null", b"\xff\xfe"])
async def test_a_bad_body_is_an_error_object_and_the_connection_stays(start: Any, body: str) -> None:
    client = await (await start()).client()
    seen = await client.ask("POST", "/v1/chat/completions", body)
    assert seen.status == 400
    assert set(seen.json()["error"]) == {"message", "type", "param", "code"}
    assert (await client.chat("hi")).status == 200


async def test_unknown_paths_and_wrong_methods_are_answered_in_json(start: Any) -> None:
    client = await (await start()).client()
    missing = await client.ask("GET", "/v2/else?x=1")
    assert (missing.status, missing.json()["error"]["code"]) == (404, "not_found")
    wrong = await client.ask("GET", "/v1/chat/completions")
    assert (wrong.status, wrong.headers["allow"]) == (405, "POST")
    assert (await client.ask("DELETE", "/behaviour")).headers["allow"] == "GET, PUT"


async def test_models_and_health_and_head(start: Any) -> None:
    client = await (await start()).client()
    assert (await client.ask("GET", "/v1/models")).json()["data"][0]["id"] == "mock"
    assert (await client.ask("GET", "/health")).json() == {"status": "ok"}
    head = await client.ask("HEAD", "/health")
    assert (head.status, head.headers["content-length"], head.body) == (200, "15", b"")
    assert (await client.ask("GET", "/health?after=head")).status == 200


async def test_the_key_is_asked_for_where_one_is_set(start: Any) -> None:
    client = await (await start(api_key="s3cret")).client()
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "s3cret"}):
        seen = await client.chat("hi", **headers)
        assert (seen.status, seen.json()["error"]["code"]) == (401, "invalid_api_key")
    assert (await client.chat("hi", Authorization="Bearer s3cret")).status == 200
    assert (await client.ask("GET", "/v1/models")).status == 401
    assert (await client.ask("GET", "/health")).status == 200


async def test_a_hundred_is_continued_and_a_chunked_body_is_read(start: Any) -> None:
    client = await (await start(persona="echo")).client()
    body = json.dumps({"messages": [{"role": "user", "content": "sent late"}]}).encode()
    client.writer.write(
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    assert (await client.receive()).status == 100
    client.writer.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))
    assert (await client.receive()).json()["choices"][0]["message"]["content"] == "sent late"


async def test_the_connection_is_closed_when_the_client_says_so(start: Any) -> None:
    client = await (await start()).client()
    seen = await client.chat("hi", Connection="close")
    assert (seen.status, seen.headers["connection"]) == (200, "close")
    assert await client.reader.read() == b""


async def test_http_1_0_gets_a_stream_that_ends_with_the_connection(start: Any) -> None:
    client = await (await start(persona="echo", gap="0", first_token="0")).client()
    body = b'{"stream": true, "messages": [{"role": "user", "content": "old but here"}]}'
    client.writer.write(b"POST /v1/chat/completions HTTP/1.0\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
    seen = await client.receive()
    assert "transfer-encoding" not in seen.headers
    assert seen.text() == "old but here"


async def test_pipelined_requests_are_answered_in_order(start: Any) -> None:
    client = await (await start(persona="echo", latency="1ms", gap="0", first_token="1ms")).client()
    for index in range(60):
        body = {"stream": index % 3 == 0, "messages": [{"role": "user", "content": f"number {index}"}]}
        client.send("POST", "/v1/chat/completions", body)
    for index in range(60):
        seen = await client.receive()
        text = seen.text() if index % 3 == 0 else seen.json()["choices"][0]["message"]["content"]
        assert text == f"number {index}"


async def test_what_is_not_http_is_refused(start: Any) -> None:
    bot = await start()
    client = await bot.client()
    client.writer.write(b"EHLO mock\r\n\r\n")
    assert (await client.receive()).status == 400
    assert await client.reader.read() == b""
    assert (await (await bot.client()).chat("hi")).status == 200


async def test_an_offered_upgrade_is_not_taken_up(start: Any) -> None:
    client = await (await start(persona="echo")).client()
    for _ in range(2):
        body = {"messages": [{"role": "user", "content": "as before"}]}
        client.send("POST", "/v1/chat/completions", body, Connection="Upgrade", Upgrade="h2c")
        client.send("GET", "/health", Connection="Upgrade", Upgrade="websocket")
    for _ in range(2):
        assert (await client.receive()).json()["choices"][0]["message"]["content"] == "as before"
        assert (await client.receive()).json() == {"status": "ok"}
    assert (await client.ask("CONNECT", "mock:80")).status == 405


async def test_the_behaviour_is_read_and_replaced(start: Any) -> None:
    bot = await start(persona="shop")
    client = await bot.client()
    assert (await client.ask("GET", "/behaviour")).json()["persona"] == "shop"
    assert (await client.ask("PUT", "/behaviour", {"persona": "echo", "limit": {"rate": 1}})).status == 200
    assert bot.server.behaviour.persona == "echo"
    assert (await client.chat("parrot")).json()["choices"][0]["message"]["content"] == "parrot"
    for body, named in (
        ({"first_tokn": "1ms"}, "first_tokn"),
        ({"gap": "soon"}, "gap"),
        ({"limit": {"rat": 1}}, "limit"),
    ):
        seen = await client.ask("PUT", "/behaviour", body)
        assert seen.status == 422
        assert named in seen.json()["error"]["message"]
    assert (await client.ask("PUT", "/behaviour", "{")).status == 400
    bot.server.behaviour = Behaviour(persona="repetitive")
    assert (await client.ask("GET", "/behaviour")).json()["persona"] == "repetitive"


async def test_a_header_changes_one_request_only(start: Any) -> None:
    client = await (await start()).client()
    seen = await client.chat("parrot", x_mock_behaviour="persona=echo;latency=1ms")
    assert seen.json()["choices"][0]["message"]["content"] == "parrot"
    assert (await client.chat("parrot")).json()["choices"][0]["message"]["content"] != "parrot"
    wrong = await client.chat("parrot", x_mock_behaviour="servers=2")
    assert wrong.status == 400
    assert "servers" in wrong.json()["error"]["message"]


async def test_stats_count_and_a_reset_forgets(start: Any) -> None:
    bot = await start()
    client = await bot.client()
    await client.chat("one two")
    await client.chat("three", stream=True)
    await client.ask("POST", "/v1/chat/completions", "{")
    await client.ask("POST", "/chat", {"message": "my name is Ada"})
    stats = (await client.ask("GET", "/stats")).json()
    assert stats == json.loads(json.dumps(bot.server.stats()))
    assert (stats["requests"], stats["streams"], stats["by_status"]) == (4, 1, {"200": 3, "400": 1})
    assert (stats["connections"], stats["connections_open"], stats["in_flight"]) == (1, 1, 0)
    assert stats["tokens_in"] == 2 + 1 + 4
    assert 0 < stats["t_first"] <= stats["t_last"]
    assert (await client.ask("POST", "/reset")).status == 200
    stats = (await client.ask("GET", "/stats")).json()
    assert (stats["requests"], stats["tokens_out"], stats["connections_open"]) == (0, 0, 1)
    assert (await client.ask("POST", "/chat", {"message": "hi"})).json()["conversation_id"] == "c1"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "mock.example"])
async def test_only_loopback_is_served(host: str) -> None:
    with pytest.raises(Refused, match="loopback"):
        async with serve(Behaviour(), host):
            pass
