"""Every dialect over a real socket: personas, faults, counts and keys are the same whatever a client speaks."""

import json
from typing import Any

import pytest

from krawall.mockbot.personas import PERSONAS

VERSION = {"anthropic_version": "2023-06-01"}
GEMINI = "/v1beta/models/m"
DIALECTS = ("chat", "simple", "responses", "messages", "gemini", "gemini-array", "ollama")
QUICK = {"first_token": "0", "gap": "0"}


def asked(dialect: str, text: str, *, stream: bool) -> tuple[str, dict[str, Any]]:
    """Return path and body of a request."""
    messages = [{"role": "user", "content": text}]
    shared = {"model": "m", "stream": stream}
    if dialect.startswith("gemini"):
        method = "generateContent" if not stream else "streamGenerateContent"
        query = "?alt=sse" if dialect == "gemini" else ""
        body = {"contents": [{"role": "user", "parts": [{"text": text}]}]}
        config = {"generationConfig": {"thinkingConfig": {"includeThoughts": True}}}
        return f"{GEMINI}:{method}{query}", body | config
    return {
        "chat": ("/v1/chat/completions", shared | {"messages": messages}),
        "simple": ("/chat", {"message": text, "stream": stream}),
        "responses": ("/v1/responses", shared | {"input": text, "reasoning": {"summary": "auto"}}),
        "messages": ("/v1/messages", shared | {"max_tokens": 999, "messages": messages}),
        "ollama": ("/api/chat", shared | {"messages": messages}),
    }[dialect]


def leaves(dialect: str, body: bytes) -> list[dict[str, Any]]:
    """Read a stream into its objects."""
    text = body.decode()
    if dialect == "gemini-array":
        return list(json.loads(text))
    lines = (
        text.splitlines() if dialect == "ollama" else [line[6:] for line in text.splitlines() if line[:6] == "data: "]
    )
    return [json.loads(line) for line in lines if line and line != "[DONE]"]


def visible(dialect: str, each: dict[str, Any]) -> str:
    """Return the visible text of one object of a stream, or of a whole reply."""
    found: Any = ""
    if dialect == "chat":
        for choice in each["choices"]:
            found += (choice.get("delta") or choice.get("message") or {}).get("content") or ""
    elif dialect == "simple":
        found = each.get("text") or each.get("reply", "")
    elif dialect == "responses":
        found = each["delta"] if each.get("type") == "response.output_text.delta" else ""
        for item in each.get("output", ()):
            found += "".join(part["text"] for part in item.get("content", ()))
    elif dialect == "messages":
        found = each.get("delta", {}).get("text", "") if each["type"] == "content_block_delta" else ""
        found += "".join(block.get("text", "") for block in each.get("content", ()))
    elif dialect == "ollama":
        found = each["message"]["content"]
    else:
        parts = each["candidates"][0]["content"]["parts"]
        found = "".join(part["text"] for part in parts if not part.get("thought"))
    return str(found)


async def heard(client: Any, dialect: str, text: str, *, stream: bool, **headers: str) -> str:
    path, body = asked(dialect, text, stream=stream)
    seen = await client.ask("POST", path, body, **VERSION, **headers)
    assert seen.status == 200
    assert seen.complete
    found = leaves(dialect, seen.body) if stream else [seen.json()]
    return "".join(visible(dialect, each) for each in found)


@pytest.mark.parametrize("persona", PERSONAS)
async def test_every_persona_says_the_same_in_every_dialect(start: Any, persona: str) -> None:
    reliable = {"errors": {"599": 1e-9}, "truncate": 1e-9, "disconnect": 1e-9, "limit": {"rate": 1e6, "burst": 10**6}}
    bot = await start(**QUICK, persona=persona, reasoning="3")
    client = await bot.client()
    await client.ask("PUT", "/behaviour", QUICK | reliable | {"persona": persona, "reasoning": "3"})
    prompt = "I want to order a lamp, parcel PH-4412"
    said = {
        (dialect, stream): await heard(client, dialect, prompt, stream=stream)
        for dialect in DIALECTS
        for stream in (False, True)
    }
    assert len(set(said.values())) == 1, said
    assert all(said.values())


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_every_dialect_is_cut_split_packed_and_counted_alike(start: Any, dialect: str) -> None:
    bot = await start(**QUICK, persona="echo", oracle=True)
    client = await bot.client()
    text = "Zwölf Boxkämpfer jagen Viktor"
    for split in ("random", "coalesce"):
        assert await heard(client, dialect, text, stream=True, x_mock_behaviour=f"split={split};reasoning=4") == text
    path, body = asked(dialect, text, stream=True)
    cut = await client.ask("POST", path, body, **VERSION, x_mock_behaviour="truncate=1")
    assert (cut.status, cut.complete) == (200, True)
    failed = await client.ask("POST", path, body, **VERSION, x_mock_behaviour="stream_error=1")
    assert b"middle of a reply" in failed.body
    assert failed.complete
    gone = await client.ask("POST", path, body, **VERSION, x_mock_behaviour="disconnect=1")
    assert not gone.complete
    stats = bot.server.stats()
    assert (stats["requests"], stats["streams"]) == (5, 5)
    assert stats["ends"] == {"done": 2, "truncated": 1, "failed": 1, "disconnected": 1}


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_every_dialect_refuses_without_the_key_and_with_a_bad_body(start: Any, dialect: str) -> None:
    client = await (await start(api_key="k1")).client()
    path, body = asked(dialect, "x", stream=False)
    assert (await client.ask("POST", path, body, **VERSION)).status == 401
    assert (await client.ask("POST", path, body, **VERSION, Authorization="Bearer k1")).status == 200
    assert (await client.ask("POST", path, "[]", **VERSION, Authorization="Bearer k1")).status == 400


async def test_keys_are_taken_where_each_provider_has_them(start: Any) -> None:
    client = await (await start(api_key="k1")).client()
    for dialect, name in (("chat", "api_key"), ("messages", "x_api_key"), ("gemini", "x_goog_api_key")):
        path, body = asked(dialect, "x", stream=False)
        assert (await client.ask("POST", path, body, **VERSION, **{name: "k1"})).status == 200
        assert (await client.ask("POST", path, body, **VERSION, **{name: "k2"})).status == 401
    path, body = asked("gemini", "x", stream=False)
    assert (await client.ask("POST", f"{path}&key=k1", body)).status == 200
    assert (await client.ask("POST", f"{path}&key=k2", body)).status == 401


async def test_a_thought_takes_its_time_and_is_the_first_that_is_sent(start: Any) -> None:
    client = await (await start(first_token="1ms", gap="1ms", reasoning="3", tokens="4", oracle=True)).client()
    path, body = asked("messages", "where", stream=True)
    for thinking in ({"type": "enabled"}, {"type": "disabled"}):
        await client.ask("POST", path, body | {"thinking": thinking}, **VERSION)
    shown, hidden = [json.loads(line) for line in (await client.ask("GET", "/oracle")).body.splitlines()]
    assert (shown["tokens"], shown["thoughts"], len(shown["sent_ns"])) == (7, 3, 7)
    assert (hidden["tokens"], hidden["thoughts"], len(hidden["sent_ns"])) == (4, 0, 4)
    assert hidden["sent_ns"][0] >= hidden["received_ns"] + 4_000_000


async def test_lists_of_models_are_there_to_recognise_a_dialect_by(start: Any) -> None:
    client = await (await start(api_key="k1")).client()
    key = {"Authorization": "Bearer k1"}
    assert (await client.ask("GET", "/v1/models", **key)).json()["data"][0]["object"] == "model"
    assert (await client.ask("GET", "/v1/models", **key, **VERSION)).json()["data"][0]["type"] == "model"
    assert (await client.ask("GET", "/v1beta/models?key=k1")).json()["models"][0]["name"] == "models/mock"
    assert (await client.ask("GET", "/v1/models", x_goog_api_key="k1")).json()["models"][0]["name"] == "models/mock"
    assert (await client.ask("GET", "/api/tags", **key)).json()["models"][0]["name"] == "mock:latest"
    for path in ("/v1/models", "/v1beta/models", "/api/tags"):
        assert (await client.ask("GET", path)).status == 401
