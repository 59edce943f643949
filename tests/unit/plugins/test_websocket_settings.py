"""Settings of the connectors `websocket` and `socketio` that cannot work are refused before anything is dialled."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krawall.errors import DocumentError
from krawall.plugins import registry
from krawall.testing.asking import prompt_of, target_of


def planned(kind: str, options: dict[str, Any], **fields: Any) -> Any:
    target = target_of(connector=kind, url="ws://bot.test/", options=options, **fields)
    return registry.load("connectors", kind).model_validate({"kind": kind, **options}).planned(target, None)


@pytest.mark.parametrize(
    ("kind", "options", "fields", "words"),
    [
        ("websocket", {"ends": {"path": "a["}}, {}, "a\\["),
        ("websocket", {"frames": "text"}, {"body": {"q": "$message"}}, "one text"),
        ("websocket", {"opening": [{"join": "$mesage"}]}, {}, "did you mean '\\$message'"),
        ("websocket", {"match": {"sent": "id", "received": ""}}, {}, "empty"),
        ("websocket", {"match": {"sent": "id", "received": "id"}}, {"body": "$message"}, "mapping"),
        ("socketio", {"ends": [{"event": "done"}, {"path": ""}]}, {}, "empty"),
        ("socketio", {"ignore": [{"path": "a["}]}, {}, "a\\["),
    ],
)
def test_what_cannot_work_is_refused_in_the_plan(
    kind: str, options: dict[str, Any], fields: dict[str, Any], words: str
) -> None:
    with pytest.raises(DocumentError, match=words):
        planned(kind, options, **fields)


def test_settings_survive_a_plan() -> None:
    options = {"ends": {"silence": "300ms"}, "reconnect": {"wait": "1s"}, "opening": ["hi"], "ping": "20s"}
    kept = planned("websocket", options)
    again = type(kept).model_validate(kept.model_dump(mode="json", exclude_unset=True))
    assert again == kept


@given(path=st.sampled_from(["/", "/socket.io/", "/chat", "/x?a=b"]))
def test_the_endpoint_of_socketio_has_its_query(path: str) -> None:
    module = __import__(registry.origin("connectors", "socketio").where, fromlist=["at_endpoint"])
    place, _, query = module.at_endpoint(path).partition("?")
    assert query.endswith("EIO=4&transport=websocket")
    assert place == ("/socket.io/" if path == "/" else path.partition("?")[0])


def test_the_id_of_a_question_stands_where_it_was_wished() -> None:
    module = __import__(registry.origin("connectors", "websocket").where, fromlist=["Messages"])
    settings = module.WebSocket.model_validate({"match": {"sent": "id", "received": "re"}})
    messages = module.Messages(settings, target_of(connector="websocket", url="ws://bot.test/"), "ses_1")
    assert messages.encode(prompt_of("hi"), "q7") == b'{"message":"hi","id":"q7"}'
