"""Presets: their fields, what they ask for, and that each reads what its provider documents."""

from __future__ import annotations

import msgspec
import pytest

from krawall.errors import DocumentError
from krawall.model.exchange import Message, Prompt
from krawall.model.target import Target
from krawall.plugins import registry
from krawall.plugins.preset import facts, resolve
from krawall.wire.reply import compile_reply, merge_usage
from krawall.wire.request import compile_request

LOOPBACK = "http://127.0.0.1:8010"
TEXT = "Your parcel is in Lyon."
JSON_PRESETS = [name for name in registry.names("presets") if facts(name).example.reply is not None]
STREAMS = [name for name in registry.names("presets") if facts(name).example.events]


def answered(name: str, **more: object) -> Target:
    """A target of a preset with every field that it demands."""
    asked = {field.name: field.example for field in facts(name).fields if field.default is None and not field.secret}
    url = {} if facts(name).target.get("url") else {"url": LOOPBACK}
    return resolve(Target.model_validate({"preset": name, "fields": asked, **url, **more}))


@pytest.mark.parametrize("name", JSON_PRESETS)
def test_the_documented_reply_is_read(name):
    found = compile_reply(answered(name).reply).read(msgspec.json.encode(facts(name).example.reply))
    assert (found.text, found.error) == (TEXT, None)
    assert found.usage is not None
    assert found.usage.tokens_in > 0
    assert found.usage.tokens_out > 0


@pytest.mark.parametrize("name", STREAMS)
def test_the_documented_events_are_read(name):
    target = answered(name, stream=True)
    reader = compile_reply(target.reply)
    texts, usage, finish, done = [], None, None, False
    for event in facts(name).example.events:
        assert not done, "nothing follows the end"
        if event == target.reply.done:
            done = True
            continue
        found = reader.event(msgspec.json.encode(event))
        assert found.error is None
        texts.append(found.text or "")
        finish = found.finish or finish
        usage = merge_usage(usage, found.usage) if found.usage else usage
    assert "".join(texts) == TEXT
    assert done or finish
    assert usage is not None
    assert usage.tokens_out > 0
    if facts(name).example.reply is not None:
        whole = compile_reply(answered(name).reply).read(msgspec.json.encode(facts(name).example.reply))
        assert usage == whole.usage


@pytest.mark.parametrize("name", registry.names("presets"))
def test_every_preset_explains_itself(name):
    preset = facts(name)
    assert preset.title
    assert len(preset.text) > 80
    assert preset.about.endswith(".")
    for field in preset.fields:
        assert field.label
        assert field.required is False or field.example, "what must be given has an example"
        assert not field.secret or field.example.startswith("${"), "a secret is a reference"


def body_of(name: str, system: str | None = "Be brief.", **more: object) -> dict[str, object]:
    prompt = Prompt([Message("user", "a"), Message("assistant", "b"), Message("user", "c")], "c", system)
    found: dict[str, object] = msgspec.json.decode(compile_request(answered(name, **more))(prompt))
    return found


def test_the_bodies_are_those_that_the_providers_take():
    assert body_of("anthropic") == {
        "model": "claude-sonnet-4-5",
        "max_tokens": 1024,
        "system": "Be brief.",
        "messages": [
            {"role": "user", "content": "a"},
            {"role": "assistant", "content": "b"},
            {"role": "user", "content": "c"},
        ],
        "stream": False,
    }
    assert body_of("gemini") == {
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "contents": [
            {"role": "user", "parts": [{"text": "a"}]},
            {"role": "model", "parts": [{"text": "b"}]},
            {"role": "user", "parts": [{"text": "c"}]},
        ],
    }
    assert list(body_of("gemini", None)) == ["contents"]
    assert body_of("openai-responses") == {
        "model": "gpt-5-mini", "instructions": "Be brief.", "input": "c", "stream": False,
    }  # fmt: skip
    assert body_of("openai-chat", stream=True)["stream_options"] == {"include_usage": True}
    assert body_of("ollama", None, request={"options": {"num_predict": 9}})["options"] == {"num_predict": 9}


def test_fields_stand_where_the_preset_writes_them():
    target = answered("gemini", stream=True, fields={"model": "m-1", "base": LOOPBACK, "key": "${K}"})
    assert target.url == f"{LOOPBACK}/v1beta/models/m-1:streamGenerateContent?alt=sse"
    assert target.auth is not None
    assert target.auth.header == {"x-goog-api-key": "${K}"}
    azure = answered("azure-openai", fields={"deployment": "chat", "resource": "acme"})
    assert azure.url == "https://acme.openai.azure.com/openai/deployments/chat/chat/completions?api-version=2024-10-21"


def test_what_is_written_counts_more_than_a_field():
    target = answered("anthropic", fields={"model": "m", "key": "${K}"}, auth={"bearer": "${OTHER}"}, url=LOOPBACK)
    assert target.auth is not None
    assert target.auth.header is None
    assert target.url == LOOPBACK
    assert resolve(Target(preset="anthropic", url=LOOPBACK, request={"model": "mine"})).request == {"model": "mine"}


def places(**target: object) -> list[tuple[str, str]]:
    with pytest.raises(DocumentError) as wrong:
        resolve(Target.model_validate(target))
    return [(place.path, place.message) for place in wrong.value.places]


def test_what_is_missing_or_unknown_is_named():
    assert places(preset="anthropic") == [("target.fields.model", "is missing: Model, e.g. claude-sonnet-4-5")]
    ((path, message),) = places(preset="anthropic", fields={"modle": "x"})
    assert (path, message) == ("target.fields.modle", "unknown field 'modle'; did you mean 'model'?")
    assert [path for path, _ in places(preset="azure-openai", fields={"deployment": "chat"})] == [
        "target.fields.resource"
    ]


def test_a_key_is_never_written_itself():
    ((path, message),) = places(preset="anthropic", fields={"model": "m", "key": "sk-1"}, auth={"bearer": "${K}"})
    assert path == "target.fields.key"
    assert "sk-1" not in message


def test_without_a_word_about_the_provider_nothing_is_sent_anywhere():
    assert places(stream=True) == [("target.url", "is missing; write it in the file or give --url")]
