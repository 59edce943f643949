"""The plain dialect."""

import json

import pytest

from krawall.mockbot import simple
from krawall.mockbot.bot import Answer
from krawall.mockbot.dialect import BadRequest, Reply

ANSWER = Answer(["Hi", " you"], "stop", 3, 0)


def test_a_request_names_its_conversation_or_gets_a_new_one() -> None:
    assert simple.parse(b'{"message": "hi", "conversation_id": "c9"}').conversation == "c9"
    assert simple.parse(b'{"message": "hi"}').conversation == ""


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'{"text": "hi"}', b'{"message": 5}', b'{"message": "x", "max_tokens": 0}']
)
def test_a_bad_request_is_refused(body: bytes) -> None:
    with pytest.raises(BadRequest):
        simple.parse(body)


def test_a_reply_has_text_conversation_and_usage() -> None:
    call = simple.parse(b'{"message": "hi", "conversation_id": "c9"}')
    assert json.loads(simple.whole(Reply(call, ANSWER, 1))) == {
        "reply": "Hi you",
        "conversation_id": "c9",
        "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
    }


def test_a_stream_is_tokens_and_a_done_event() -> None:
    writer = simple.events(
        Reply(simple.parse(b'{"message": "hi", "conversation_id": "c9", "stream": true}'), ANSWER, 1)
    )
    assert writer.opening(1) == b""
    assert writer.token(1, 5) == b'data: {"text":" you","ts":5}\n\n'
    [done] = writer.ending(6)
    assert done.startswith(b"event: done\ndata: ")
    assert json.loads(done.partition(b"data: ")[2])["conversation_id"] == "c9"


def test_an_error_is_an_object() -> None:
    assert json.loads(simple.error(400, "no")) == {"error": {"message": "no", "status": 400}}
