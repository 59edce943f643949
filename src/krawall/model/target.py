"""A chatbot that we may talk to: connector, endpoint, auth reference, request and reply mapping, prices, limits."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self
from urllib.parse import parse_qsl, urlsplit

from pydantic import Field, model_validator

from krawall.model.auth import REFERENCE, SECRET_NAMES, Auth, Tls
from krawall.model.base import Document, Rate, Size

_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class Prices(Document):
    """USD per million tokens. `cached` and `cache_write` fall back to `input`."""

    input: Annotated[float, Field(ge=0)] = 0.0
    output: Annotated[float, Field(ge=0)] = 0.0
    cached: Annotated[float, Field(ge=0)] | None = None
    cache_write: Annotated[float, Field(ge=0)] | None = Field(None, alias="cache write")
    source: str = Field("", description="where the prices are from, when they were not written: a list and its version")


Paths = str | list[str]
"""A path such as `choices[0].message.content`, or several of which the first that finds something counts."""


class UsagePaths(Document):
    """Where the token counts stand."""

    input: Paths = []
    output: Paths = []
    cached: Paths = []
    cache_write: Paths = Field([], alias="cache write")
    reasoning: Paths = []
    input_excludes_cached: bool = Field(
        False, alias="input excludes cached", description="the provider does not count cached tokens as input"
    )
    output_excludes_reasoning: bool = Field(
        False, alias="output excludes reasoning", description="the provider does not count reasoning tokens as output"
    )


class MessageShape(Document):
    """How one message of `$messages` is written."""

    form: dict[str, Any] = Field(
        {"role": "$role", "content": "$content"}, description="the message; `$role` and `$content` stand for values"
    )
    roles: dict[str, str] = Field({}, description="other words for system, user, assistant, e.g. {assistant: model}")


class ReplyMapping(Document):
    """Where the parts of a reply stand: in the JSON body, or in each event of a stream."""

    format: Literal["json", "text", "ndjson"] = "json"
    text: Paths = []
    reasoning: Paths = []
    tools: Paths = []
    finish: Paths = []
    error: Paths = []
    conversation_id: Paths = Field([], alias="conversation id")
    usage: UsagePaths = UsagePaths()
    done: str | None = Field(None, description="the data of the event that ends a stream, e.g. [DONE]")
    ends: bool = Field(False, description="a stream without its `done` event or a finish reason is truncated")


class Pace(Document):
    """Client-side limit towards the target (token bucket): what to do when it is used up."""

    rate: Rate
    burst: Annotated[int, Field(ge=1)] = 1
    when_empty: Literal["wait", "drop", "error"] = Field("wait", alias="when empty")


class Sizes(Document):
    """Bounds on what a target may send."""

    header: Size = 65_536
    body: Size = 16_000_000
    event: Size = 4_000_000


class Target(Document):
    """A chatbot. What is left out comes from the preset; `plugins.preset.resolve` lays one over the other."""

    preset: str | None = None
    fields: dict[str, str] = Field(
        {}, description="what the preset asks for, e.g. {model: small}; stands where it writes {model}"
    )
    connector: str | None = Field(None, description="kind of the connector: http, sse, echo; the preset knows")
    options: dict[str, Any] = Field({}, description="settings of the connector")
    url: str = ""
    method: Literal["POST", "GET", "PUT"] = "POST"
    headers: dict[str, str] = {}
    auth: Auth | None = None
    stream: bool = False
    body: Any = Field(
        None,
        description="the request body; `$messages`, `$message`, `$system`, `$conversation_id`, `$stream` stand for values",
    )
    messages: MessageShape = Field(MessageShape(), description="how each message of `$messages` is written")
    request: dict[str, Any] = Field({}, description="fields laid over the body, e.g. {model: small, max_tokens: 400}")
    reply: ReplyMapping = ReplyMapping()
    history: Literal["append", "server", "none"] = "append"
    prices: Prices | None = None
    max_output_tokens: Size = Field(
        4096, alias="max output tokens", description="the worst case of a reply, when the request names none"
    )
    pace: Pace | None = None
    sizes: Sizes = Sizes()
    tls: Tls = Tls()
    hooks: list[str | dict[str, Any]] = Field(
        [], description="what happens beside each request, in order, e.g. [audit, {redact: [email]}, {login: {...}}]"
    )
    ca_file: str | None = Field(
        None, alias="ca file", description="a PEM file of authorities to trust besides the system's"
    )

    @model_validator(mode="after")
    def _no_secrets(self) -> Self:
        for name, value in self.headers.items():
            if not _HEADER.fullmatch(name) or any(ord(letter) < 32 for letter in value):
                raise ValueError(f"header {name!r} has characters that a header cannot have")
            if SECRET_NAMES.search(name) and not REFERENCE.search(value):
                raise ValueError(f"header {name!r} looks like a secret; write a reference such as ${{BOT_KEY}}")
        for name, value in parse_qsl(urlsplit(self.url).query):
            if SECRET_NAMES.search(name) and not REFERENCE.search(value):
                raise ValueError(
                    f"the url's {name!r} looks like a secret; use auth: {{query: {{{name}: '${{BOT_KEY}}'}}}}"
                )
        return self


class SavedTarget(Target):
    """A target as a server keeps it, under the name of its document. `confirmed` is set by the server alone."""

    description: Annotated[str, Field(max_length=2000)] = ""
    confirmed: str = Field("", description="the host of which an operator has said: I operate it")

    def bare(self) -> Target:
        """Return the target itself."""
        return Target.model_validate(
            self.model_dump(mode="json", exclude_unset=True, exclude={"description", "confirmed"})
        )
