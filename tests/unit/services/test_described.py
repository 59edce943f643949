"""Chats found in OpenAPI documents, whatever else is in them."""

from __future__ import annotations

from typing import Annotated

from fastapi import Body, FastAPI
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from krawall.model.target import Target
from krawall.services.described import chats
from krawall.wire.request import compile_request


class Question(BaseModel):
    text: str
    session_id: str | None = None
    mood: str = "calm"
    language: str


class Message(BaseModel):
    role: str
    content: str


class Conversation(BaseModel):
    model: str
    messages: list[Message]
    stream: bool = False


def described(*routes) -> object:
    api = FastAPI()
    for path, route in routes:
        api.post(path)(route)
    return api.openapi()


def ask(question: Question) -> None: ...


def converse(conversation: Conversation) -> None: ...


def login(user: Annotated[str, Body()], message: Annotated[str, Body()]) -> None: ...


def note(text: Annotated[str, Body(embed=True)]) -> None: ...


def test_the_likeliest_path_comes_first_with_a_body_that_fits():
    found = chats(described(("/login", login), ("/v1/ask", ask), ("/notes", note)))
    assert [chat.path for chat in found] == ["/v1/ask", "/notes"]
    assert found[0].body == {"text": "$message", "session_id": "$conversation_id", "language": "krawall"}


def test_a_list_of_messages_is_the_whole_history():
    (chat,) = chats(described(("/chat", converse)))
    assert chat.body == {"model": "krawall", "messages": "$messages", "stream": "$stream"}


def test_values_that_the_document_names_are_taken():
    schema = {
        "allOf": [{"$ref": "#/components/schemas/Base"}],
        "properties": {"prompt": {"type": "string"}},
        "required": ["bot", "top", "kind"],
    }
    base = {"properties": {"bot": {"enum": ["shop", "bank"]}, "top": {"type": "integer"}, "kind": {"default": "a"}}}
    document = {
        "servers": [{"url": "https://api.bot.test/v2/"}],
        "components": {"schemas": {"Base": base}, "requestBodies": {"Ask": {"content": {"application/json": {"schema": schema}}}}},
        "paths": {"/generate": {"post": {"requestBody": {"$ref": "#/components/requestBodies/Ask"}}}},
    }  # fmt: skip
    (chat,) = chats(document)
    assert chat.path == "/v2/generate"
    assert chat.body == {"bot": "shop", "top": 1, "kind": "a", "prompt": "$message"}


def test_every_body_can_be_sent():
    for chat in chats(described(("/v1/ask", ask), ("/chat", converse), ("/say", note))):
        compile_request(Target(url="http://127.0.0.1/", body=chat.body))


keys = st.sampled_from(["paths", "post", "requestBody", "content", "application/json", "schema", "properties", "$ref", "allOf",
                        "anyOf", "message", "/chat", "servers", "url", "required", "#/paths"])  # fmt: skip
odd = st.recursive(
    st.none() | st.booleans() | st.integers() | keys,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=30,
)


@given(document=odd)
def test_odd_documents_are_passed_over(document):
    chats(document)
    chats({"paths": {"/chat": {"post": {"requestBody": {"content": {"application/json": {"schema": document}}}}}}})
