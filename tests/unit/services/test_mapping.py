"""What a target would send and read, shown before anything is sent: it agrees with what does send and read."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from krawall.model.exchange import Message, Prompt
from krawall.model.target import ReplyMapping, Target
from krawall.plugins.assemble import assemble
from krawall.services.mapping import look, reads_of
from krawall.services.twigs import MOST_TWIGS, Twig, branches
from krawall.wire.document import NotMapped
from krawall.wire.paths import parse_path
from krawall.wire.reply import compile_reply
from krawall.wire.request import compile_request

assemble()
KEYS = st.sampled_from(["text", "reply", "usage", "type", "a b", "x-y"])
LEAVES = st.one_of(st.text(max_size=8), st.integers(0, 99), st.booleans(), st.none())
DOCUMENTS = st.dictionaries(
    KEYS,
    st.recursive(
        LEAVES,
        lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)),
        max_leaves=12,
    ),
    max_size=4,
)
PATHS = st.sampled_from(["text", "reply.text", "reply", "usage.text", "text[0]", "reply[0].text"])


def text_of(document: object) -> str:
    return msgspec.json.encode(document).decode()


def walked(twigs: list[Twig]):
    for each in twigs:
        yield from walked(each.twigs) if each.kind == "within" else [each]


@given(DOCUMENTS, st.lists(PATHS, min_size=1, max_size=3))
def test_the_text_that_is_shown_is_the_text_that_is_read(document, paths):
    mapping = ReplyMapping(text=paths)
    (shown,) = [each for each in reads_of(mapping, text_of(document)) if each.part == "text"]
    try:
        read = compile_reply(mapping).read(text_of(document).encode()).text
    except NotMapped:
        read = None
    if read is not None:
        assert (shown.state, shown.value) == ("found", read)
    else:
        assert shown.state == "nothing"


@given(DOCUMENTS)
def test_every_value_of_the_tree_is_found_by_its_path(document):
    for branch in branches(text_of(document)):
        for twig in walked(branch.twigs):
            found = parse_path(twig.path).find(document)
            if twig.kind == "null":
                assert found == []
            elif twig.kind == "text" and twig.value not in ("{}", "[]"):
                assert twig.value in found
            elif twig.kind == "number":
                assert twig.value in [str(each) for each in found]


@given(st.text(max_size=200))
def test_any_answer_can_be_looked_at(answer):
    branches(answer)
    reads_of(ReplyMapping(text="a"), answer)


def test_events_of_several_kinds_say_of_which_kind_a_path_is():
    events = [{"type": "start", "text": ""}, *[{"type": "delta", "text": "hi "}] * 3, {"type": "end", "text": "bye"}]
    answer = "".join(f"data: {text_of(each)}\n\n" for each in events)
    found = branches(answer)
    assert [(each.title, each.count) for each in found] == [("start", 1), ("delta", 3), ("end", 1)]
    path = next(twig.path for twig in walked(found[1].twigs) if twig.name == "text")
    assert path == "text if type == 'delta'"
    (read,) = [each for each in reads_of(ReplyMapping(text=path), answer) if each.part == "text"]
    assert read.value == "hi hi hi "


def test_a_large_answer_is_shown_in_part():
    found = branches(text_of({f"k{number}": number for number in range(5_000)}))
    assert len(found[0].twigs) == MOST_TWIGS


@pytest.mark.parametrize(
    "body",
    [
        {"preset": "custom-http", "url": "http://bot.test/chat", "body": {"q": "$message"}, "request": {"k": 1}},
        {"preset": "custom-sse", "url": "http://bot.test/chat"},
        {"preset": "custom-websocket", "url": "ws://bot.test/chat"},
        {"preset": "custom-socketio", "url": "ws://bot.test"},
        {"preset": "custom-grpc", "url": "grpc://bot.test:50051"},
        {"preset": "mock", "stream": True},
    ],
)
def test_every_kind_of_connector_shows_what_it_would_send(body):
    shown = look(body, message="hello")
    assert shown.problems == []
    assert shown.sent is not None
    assert '"hello"' in shown.sent.body
    assert shown.reads[0].state == "unseen"


def test_what_is_shown_is_what_is_sent():
    body = {"q": "$message", "all": "$messages", "stream": "$stream"}
    shown = look({"connector": "http", "url": "http://bot.test/", "body": body}, message="hello")
    sent = compile_request(Target(body=body))
    assert shown.sent is not None
    assert msgspec.json.decode(shown.sent.body) == msgspec.json.decode(
        sent(Prompt([Message("user", "hello")], "hello"))
    )


@pytest.mark.parametrize(
    "auth",
    [{"bearer": "${KEY}"}, {"header": {"x-key": "${KEY}"}}, {"query": {"key": "${KEY}"}}, {"basic": {"user": "ada", "password": "${KEY}"}}],
)  # fmt: skip
def test_credentials_stay_references(auth):
    shown = look({"connector": "http", "url": "http://bot.test/", "auth": auth})
    assert shown.sent is not None
    assert "${KEY}" in shown.sent.line + str(shown.sent.headers)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"preset": "custom-http"}, "the address is missing"),
        ({"preset": "anthropic"}, "Model is missing"),
        ({"preset": "nothing-like-it"}, "nothing-like-it"),
        ({"url": 3}, "url"),
        ({"connector": "http", "url": "http://bot.test", "body": "$massage"}, "unknown word"),
    ],
)
def test_what_is_missing_or_wrong_is_said(body, words):
    assert words in " ".join(look(body).problems)


def test_a_path_that_is_none_stands_at_its_part():
    shown = look(
        {"connector": "http", "url": "http://bot.test", "reply": {"text": "a[", "error": "e"}}, '{"e": "gone"}'
    )
    states = {each.part: (each.state, each.value) for each in shown.reads}
    assert states["text"][0] == "wrong"
    assert states["error"] == ("found", "gone")
    assert states["finish"] == ("unmapped", "")


def test_packets_of_socketio_are_read_by_their_first_argument():
    answer = '0{"sid":"s1"}\n40{"sid":"s2"}\n2\n42["delta",{"text":"hi "}]\n42/chat,["delta",{"text":"you"}]\n431[{"text":"!"}]'
    assert [(each.count, [twig.path for twig in each.twigs]) for each in branches(answer)] == [(3, ["text"])]
    assert reads_of(ReplyMapping(text="text"), answer)[0].value == "hi you!"
