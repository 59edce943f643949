"""What a chatbot at an address speaks, from what its pages answer: the likeliest guess first."""

from __future__ import annotations

import pytest

from krawall.guard.hosts import TARGET_SCHEMES, parse_url
from krawall.model.exchange import Fault, FaultKind
from krawall.model.target import Target
from krawall.plugins.preset import Preset
from krawall.services.detecting import mended
from krawall.services.lookups import Looked
from krawall.services.probing import Outcome
from krawall.services.recognising import Clue, Guess, clue_of, guesses, pages
from krawall.services.suggesting import suggest

CHAT = Clue("chatty", ("api.chatty.test",), ("/v1/chat",), "/v1/models", {"model": None, "key": None})
LOCAL = Clue("localchat", (), ("/api/chat",), "/api/tags", {}, "", {"model": "m", "messages": "$messages"})
PLACED = Clue("placed", (), ("/deployments/{name}/chat",), "")
KNOWN = (CHAT, LOCAL, PLACED)
MODELS = Looked(200, "application/json", b"", {"object": "list", "data": [{"id": "small-1"}]})
TAGS = Looked(200, "application/json", b"", {"models": [{"name": "tiny:1b"}]})


def best(url, **looked):
    site = parse_url(url, TARGET_SCHEMES)
    return guesses(site, KNOWN, {path.replace("_", "/"): page for path, page in looked.items()})[0]


def test_a_known_host_is_enough():
    guess = best("https://api.chatty.test/")
    assert guess.target == {"preset": "chatty", "url": "https://api.chatty.test/v1/chat"}


def test_the_page_of_models_says_what_it_is_and_which_model():
    guess = best("http://127.0.0.1:8000/", _v1_models=MODELS, _v1_chat=Looked(405), _api_chat=Looked(404))
    assert guess.target == {"preset": "chatty", "url": "http://127.0.0.1:8000/v1/chat", "fields": {"model": "small-1"}}
    guess = best("http://127.0.0.1:8000/", _api_tags=TAGS, _v1_chat=Looked(404), _api_chat=Looked(405))
    assert guess.target == {
        "preset": "localchat", "url": "http://127.0.0.1:8000/api/chat", "request": {"model": "tiny:1b"},
    }  # fmt: skip


def test_the_end_of_the_address_counts_and_may_hold_names():
    guess = best("http://127.0.0.1:8000/deployments/mine/chat?version=3")
    assert guess.target == {"preset": "placed", "url": "http://127.0.0.1:8000/deployments/mine/chat?version=3"}


BASED = Clue(
    "based", (), ("/rooms/{room}/chat", ":say"), "/rooms", {"base": "https://based.test", "room": None, "v": "1"},
    "{base}/rooms/{room}/chat?v={v}",
)  # fmt: skip


@pytest.mark.parametrize(
    ("url", "fields"),
    [
        ("http://127.0.0.1:1/rooms/red/chat?v=1", {"base": "http://127.0.0.1:1", "room": "red"}),
        ("http://127.0.0.1:1/proxy/rooms/red/chat", {"base": "http://127.0.0.1:1/proxy", "room": "red"}),
        ("https://based.test/rooms/red/chat?v=2", {"room": "red", "v": "2"}),
    ],
)
def test_an_address_is_taken_apart_into_the_fields_of_the_preset(url, fields):
    guess = guesses(parse_url(url), (BASED,), {})[0]
    assert guess.target == {"preset": "based", "fields": fields}


def test_an_address_that_does_not_come_apart_is_kept_whole():
    guess = guesses(parse_url("http://127.0.0.1:1/other:say?a=b"), (BASED,), {})[0]
    assert guess.target == {"preset": "based", "url": "http://127.0.0.1:1/other:say?a=b"}


def test_the_first_model_that_is_for_chats_is_taken():
    listed = Looked(200, "", b"", {"data": [{"id": "text-embedding-3"}, {"id": "models/chat-1"}, {"id": "chat-2"}]})
    guess = best("http://127.0.0.1:1/", _v1_models=listed, _v1_chat=Looked(405))
    assert guess.target["fields"] == {"model": "chat-1"}


def test_an_address_that_is_nothing_of_the_kind_is_not_made_to_fit():
    guess = best("http://127.0.0.1:8000/bot", _v1_models=MODELS)
    assert guess.target == {"preset": "custom-http", "url": "http://127.0.0.1:8000/bot"}


@pytest.mark.parametrize(
    ("url", "preset"),
    [
        ("ws://127.0.0.1:1/chat", "custom-websocket"),
        ("wss://bot.test/socket.io/", "custom-socketio"),
        ("grpc://127.0.0.1:1", "custom-grpc"),
        ("http://127.0.0.1:1/chat", "custom-http"),
    ],
)
def test_what_is_not_known_is_custom_by_its_scheme(url, preset):
    assert best(url).target["preset"] == preset


def test_an_openapi_document_gives_path_and_body():
    body = {"schema": {"properties": {"question": {"type": "string"}, "thread_id": {"type": "string"}}}}
    document = {"paths": {"/ask": {"post": {"requestBody": {"content": {"application/json": body}}}}}}
    site = parse_url("http://127.0.0.1:8000/")
    guess = guesses(site, KNOWN, {"/openapi.json": Looked(200, "", b"", document)})[0]
    assert guess.target == {
        "preset": "custom-http",
        "url": "http://127.0.0.1:8000/ask",
        "body": {"question": "$message", "thread_id": "$conversation_id"},
        "history": "server",
        "request": {"message": None, "conversation_id": None},
    }


def test_pages_are_looked_up_once_and_no_chat_beside_the_one_that_is_named():
    assert pages(parse_url("http://127.0.0.1:1/"), KNOWN) == [
        "/v1/models",
        "/api/tags",
        "/openapi.json",
        "/v1/chat",
        "/api/chat",
    ]
    assert pages(parse_url("http://127.0.0.1:1/bot"), KNOWN) == ["/v1/models", "/api/tags", "/openapi.json", "/bot"]


def test_a_preset_that_says_nothing_is_never_recognised():
    assert clue_of(Preset(name="plain", target={"body": "$message"})) == Clue("plain")


def unread(*pieces: bytes) -> Outcome:
    raw = b"".join(pieces).decode()
    return Outcome(
        False, raw_received=raw, suggestions=suggest(pieces), fault=Fault(FaultKind.protocol, "nothing at reply")
    )


CUSTOM = Guess({"preset": "custom-http", "url": "http://127.0.0.1:1/bot"}, 0, ())


def test_what_was_received_puts_the_mapping_right():
    made = mended(CUSTOM, unread(b'{"result":{"say":"Good morning"},"sessionId":"s1","usage":{"input_tokens":3}}'))
    assert made.target["reply"] == {
        "text": "result.say", "conversation id": "sessionId", "usage": {"input": "usage.input_tokens"},
    }  # fmt: skip
    Target.model_validate(made.target)


def test_a_stream_makes_it_the_preset_of_streams():
    made = mended(
        CUSTOM, unread(b'data: {"piece":{"text":"Good "}}\n\n', b'data: {"piece":{"text":"day"}}\n\ndata: [END]\n\n')
    )
    assert (made.target["preset"], made.target["stream"]) == ("custom-sse", True)
    assert made.target["reply"] == {"text": "piece.text", "done": "[END]"}


def test_plain_text_is_the_whole_body():
    made = mended(CUSTOM, unread(b"Good morning to you"))
    assert made.target["reply"] == {"format": "text"}


def test_a_guess_that_was_right_stays():
    assert mended(CUSTOM, Outcome(True, suggestions=suggest([b'{"reply":"hi there"}']))) is CUSTOM
