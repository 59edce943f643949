"""The Gemini dialect: requests, whole replies and chunks of `models/{model}:generateContent` and `:streamGenerateContent`.

Fields follow the public API reference. Streams are server-sent events with `alt=sse`, else one JSON array that comes piece by
piece, and then even an error is in an array. Every chunk carries one field more, `ts`: the monotonic time at which it was sent,
ns. candidatesTokenCount leaves out the thoughts, which are shown where `thinkingConfig.includeThoughts` asks for them. A function
call comes in one piece, as it does there. A refusal ends with the reason SAFETY.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from krawall.mockbot.bot import Answer, Ask
from krawall.mockbot.dialect import EVENT_STREAM, BadRequest, Call, Reply
from krawall.mockbot.manner import Tool, kinds, read_back
from krawall.mockbot.personas import Message

MODELS = "/v1beta/models"
KEYS: tuple[bytes, ...] = (b"x-goog-api-key", b"?key")
_PATH = re.compile(r"/v1(?:beta)?/(?:\S*/)?models/([^/:]+):(g|streamG)enerateContent")
_STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_encode = msgspec.json.Encoder().encode


class _Part(msgspec.Struct, rename="camel"):
    text: str = ""
    thought: bool = False
    function_response: dict[str, Any] | None = None


class _Content(msgspec.Struct):
    parts: list[_Part] = []
    role: str = "user"


class _Thinking(msgspec.Struct):
    camel: bool = msgspec.field(default=False, name="includeThoughts")
    snake: bool = msgspec.field(default=False, name="include_thoughts")


class _Config(msgspec.Struct, rename="camel"):
    max_output_tokens: int | None = None
    response_mime_type: str = "text/plain"
    response_schema: dict[str, Any] | None = None
    response_json_schema: dict[str, Any] | None = None
    thinking_config: _Thinking | None = None


class _Function(msgspec.Struct, rename="camel"):
    name: str
    parameters: dict[str, Any] | None = None
    parameters_json_schema: dict[str, Any] | None = None


class _Tools(msgspec.Struct):
    camel: list[_Function] = msgspec.field(default=[], name="functionDeclarations")
    snake: list[_Function] = msgspec.field(default=[], name="function_declarations")


class _Request(msgspec.Struct):
    """Some names are written both ways in the public reference, and by the provider's own client."""

    contents: list[_Content]
    system: _Content | None = msgspec.field(default=None, name="systemInstruction")
    system_too: _Content | None = msgspec.field(default=None, name="system_instruction")
    config: _Config | None = msgspec.field(default=None, name="generationConfig")
    tools: list[_Tools] = []


_decode = msgspec.json.Decoder(_Request).decode


class Gemini:
    """The dialect at one path: for one model, streamed or not, as events or as an array."""

    NEEDS: tuple[bytes, ...] = ()
    KEYS = KEYS

    def __init__(self, model: str, *, stream: bool, array: bool) -> None:
        self._model = model
        self._stream = stream
        self._array = array
        self.STREAM = b"application/json; charset=UTF-8" if array else EVENT_STREAM

    def parse(self, body: bytes) -> Call:
        """Read a request. Raises BadRequest."""
        try:
            request = _decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError) as problem:
            raise BadRequest(str(problem)) from None
        if not request.contents:
            raise BadRequest("contents is not specified")
        config = request.config or _Config()
        if config.max_output_tokens is not None and config.max_output_tokens < 1:
            raise BadRequest("maxOutputTokens must be positive")
        system = request.system or request.system_too
        messages = [Message("system", _text(system))] if system else []
        messages += [Message(_role(content), _text(content)) for content in request.contents]
        thinking = config.thinking_config or _Thinking()
        offered = [each for tools in request.tools for each in (*tools.camel, *tools.snake)]
        tools = tuple(Tool(each.name, kinds(each.parameters or each.parameters_json_schema)) for each in offered)
        return Call(
            Ask(messages, config.max_output_tokens, _fields(config), tools),
            model=self._model,
            stream=self._stream,
            shows_thoughts=thinking.camel or thinking.snake,
        )

    def whole(self, reply: Reply) -> bytes:
        """Return the body of a GenerateContentResponse."""
        answer = reply.answer
        parts: list[dict[str, Any]] = []
        if answer.thoughts and reply.call.shows_thoughts:
            parts.append({"text": answer.thought, "thought": True})
        if answer.pieces:
            parts.append(_called(answer) if answer.kind == "tool" else {"text": answer.text})
        return _encode(_chunk(reply, parts, _reason(answer)) | {"usageMetadata": _usage(answer, answer.tokens)})

    def events(self, reply: Reply) -> _Events:
        """Return the writer of a stream of GenerateContentResponses."""
        return _Events(reply, array=self._array)

    def error(self, status: int, message: str) -> bytes:
        """Return an error object, in an array where the stream would be one."""
        body = error(status, message)
        return b"[%s]" % body if self._array else body


class _Events:
    """Chunks of one stream: one per token, then the reason and the bill."""

    def __init__(self, reply: Reply, *, array: bool) -> None:
        self._reply = reply
        self._array = array
        self._begun = False
        self._thoughts = len(reply.answer.thoughts)

    def early(self, ts: int) -> bytes:
        return b"[" if self._array else b""

    def opening(self, ts: int) -> bytes:
        return b""

    def token(self, index: int, ts: int) -> bytes:
        answer, at = self._reply.answer, index - self._thoughts
        part: dict[str, Any] = {}
        if at < 0:
            if not self._reply.call.shows_thoughts:
                return b""
            part = {"text": answer.thoughts[index], "thought": True}
        elif answer.kind == "tool":
            if at + 1 < len(answer.pieces):
                return b""  # a call comes in one piece
            part = _called(answer)
        else:
            part = {"text": answer.pieces[at]}
        usage = {"usageMetadata": _usage(answer, index + 1)} if self._reply.usage == "every" else {}
        return self._framed(_chunk(self._reply, [part]) | usage | {"ts": ts})

    def ending(self, ts: int) -> list[bytes]:
        answer = self._reply.answer
        usage = {} if self._reply.usage == "none" else {"usageMetadata": _usage(answer, answer.tokens)}
        last = self._framed(_chunk(self._reply, [{"text": ""}], _reason(answer)) | usage | {"ts": ts})
        return [last, b"]"] if self._array else [last]

    def failure(self, ts: int, message: str) -> list[bytes]:
        said = self._framed(msgspec.Raw(error(503, message)))
        return [said, b"]"] if self._array else [said]

    def _framed(self, data: object) -> bytes:
        if not self._array:
            return b"data: %s\r\n\r\n" % _encode(data)
        comma = b"\n,\r\n" if self._begun else b""
        self._begun = True
        return comma + _encode(data)


def at(path: str, query: str) -> Gemini | None:
    """Return the dialect at a path, None where the path is none of its own."""
    found = _PATH.fullmatch(path)
    if found is None:
        return None
    stream = found[2] != "g"
    return Gemini(found[1], stream=stream, array=stream and "alt=sse" not in query.split("&"))


def error(status: int, message: str) -> bytes:
    """Return an error object."""
    word = _STATUSES.get(status, "INTERNAL" if status >= 500 else "INVALID_ARGUMENT")
    return _encode({"error": {"code": status, "message": message, "status": word}})


def models() -> bytes:
    """Return the body of `GET /v1beta/models`."""
    model = {
        "name": "models/mock",
        "version": "1",
        "displayName": "Mock",
        "inputTokenLimit": 1_000_000,
        "outputTokenLimit": 65_536,
        "supportedGenerationMethods": ["generateContent", "streamGenerateContent"],
    }
    return _encode({"models": [model]})


def _chunk(reply: Reply, parts: list[dict[str, Any]], reason: str = "") -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"parts": parts, "role": "model"}, "index": 0}
    if reason:
        candidate["finishReason"] = reason
    return {"candidates": [candidate], "modelVersion": reply.call.model, "responseId": f"r{reply.number}"}


def _called(answer: Answer) -> dict[str, Any]:
    return {"functionCall": {"name": answer.tool, "args": read_back(answer.text)}}


def _reason(answer: Answer) -> str:
    if answer.finish == "length":
        return "MAX_TOKENS"
    return "SAFETY" if answer.kind == "refusal" else "STOP"


def _usage(answer: Answer, sent: int) -> dict[str, Any]:
    thoughts = min(sent, len(answer.thoughts))
    usage: dict[str, Any] = {
        "promptTokenCount": answer.prompt_tokens,
        "candidatesTokenCount": sent - thoughts,
        "totalTokenCount": answer.prompt_tokens + sent,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": answer.prompt_tokens}],
    }
    more = {"cachedContentTokenCount": answer.cached_tokens, "thoughtsTokenCount": thoughts}
    return usage | {name: count for name, count in more.items() if count}


def _role(content: _Content) -> str:
    if content.role == "model":
        return "assistant"
    results = bool(content.parts) and all(part.function_response is not None for part in content.parts)
    return "tool" if results else "user"


def _text(content: _Content) -> str:
    """Join what was said; the result of a function is its JSON."""
    parts = [part for part in content.parts if not part.thought]
    results = (_encode(part.function_response).decode() if part.function_response is not None else "" for part in parts)
    return "".join(part.text + result for part, result in zip(parts, results, strict=True))


def _fields(config: _Config) -> dict[str, str] | None:
    if config.response_mime_type != "application/json":
        return None
    return kinds(config.response_json_schema or config.response_schema)
