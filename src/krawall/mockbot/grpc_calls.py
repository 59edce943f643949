"""The gRPC service `krawall.mock.v1.Chat` (chat.proto): what happens to each call.

Personas, behaviours and the oracle are those of every dialect, and so is the order of what may happen (`chat.script`). A status
of HTTP becomes the gRPC code that google/rpc/code.proto has for it; a limit says how long to wait in `grpc-retry-pushback-ms`. A
stream told to truncate ends with OK and without its `done`; one told to disconnect ends with UNAVAILABLE, for the library
does not let a service cut its connection; one told to fail ends with INTERNAL. The API key is `authorization` or `x-api-key`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from krawall.clock import monotonic_ns
from krawall.mockbot.behaviour import Rules
from krawall.mockbot.bot import Answer, Ask
from krawall.mockbot.chat import Request, authorized
from krawall.mockbot.dialect import BadRequest, Call
from krawall.mockbot.fate import Fate
from krawall.mockbot.oracle import Oracle, Record
from krawall.mockbot.pacer import Pacer
from krawall.mockbot.personas import Message
from krawall.mockbot.state import State

_CODES = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND", 409: "ABORTED"}
_CODES |= {
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_TOLD = "the mock bot was told to fail"


class _Ends(Exception):
    """The call ends with this status; the record is closed as `how`."""

    def __init__(self, code: str, words: str, how: str = "done", wait_s: float | None = None) -> None:
        super().__init__(words)
        self.code = code
        self.how = how
        self.wait_s = wait_s


class _Turn:
    """One question and what it meets."""

    def __init__(self, state: State, record: Record, rules: Rules, fate: Fate, call: Call, answer: Answer) -> None:
        self.oracle: Oracle = state.oracle
        self.record = record
        self.rules = rules
        self.fate = fate
        self.call = call
        self.answer = answer
        self.keep = rules.behaviour.oracle


class Calls:
    """The methods of the service. `messages` has the classes of its messages, `codes` the status codes of the library."""

    def __init__(self, state: State, pacer: Pacer, messages: dict[str, Any], codes: Any) -> None:
        self._state = state
        self._pacer = pacer
        self._messages = messages
        self._codes = codes

    async def ask(self, question: Any, context: Any) -> Any:
        """Answer one question in one piece."""
        return await self._whole([question], context)

    async def tell(self, questions: AsyncIterator[Any], context: Any) -> Any:
        """Answer a question that comes in several messages."""
        return await self._whole([question async for question in questions], context)

    async def stream(self, question: Any, context: Any) -> AsyncIterator[Any]:
        """Answer one question token by token."""
        async for part in self._parts(question, context):
            yield part

    async def talk(self, questions: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
        """Answer every question of a conversation token by token; a reply cut short ends the stream."""
        name, complete = "", False
        async for question in questions:
            if not question.conversation_id:
                question.conversation_id = name
            async for part in self._parts(question, context):
                name, complete = part.conversation_id or name, part.done
                yield part
            if not complete:
                return
            complete = False

    async def _whole(self, questions: list[Any], context: Any) -> Any:
        record, keep = self._arrived(context), [False]
        try:
            if not questions:
                raise _Ends("INVALID_ARGUMENT", "no question was sent")
            text = "\n".join(each.message for each in questions)
            turn = await self._meet(text, questions[0], record, keep, context)
            due = self._state.fates.reply_due(turn.rules, turn.fate)
            await self._until(due)
            if turn.fate.cut == "disconnect":
                raise _Ends("UNAVAILABLE", f"Connection reset: {_TOLD}", "disconnected")
            record.status = 200
            turn.oracle.whole(record, monotonic_ns(), due, turn.answer.tokens)
            self._ended(record, "done", keep)
            return self._messages["Answer"](**_said(turn))
        except _Ends as end:
            return await self._abort(end, record, keep, context)
        finally:
            self._ended(record, "aborted", keep)

    async def _parts(self, question: Any, context: Any) -> AsyncIterator[Any]:
        record, keep = self._arrived(context), [False]
        try:
            turn = await self._meet(question.message, question, record, keep, context)
            turn.oracle.streams += 1
            record.status = 200
            async for part in self._tokens(turn):
                yield part
            self._ended(record, "truncated" if turn.fate.cut else "done", keep)
        except _Ends as end:
            await self._abort(end, record, keep, context)
        finally:
            self._ended(record, "aborted", keep)

    async def _tokens(self, turn: _Turn) -> AsyncIterator[Any]:
        """Give each token when it is due, then the end or the cut. Raises _Ends."""
        answer, fate, part = turn.answer, turn.fate, self._messages["Part"]
        total = answer.tokens
        dues = self._state.fates.token_dues(turn.rules, fate, total)
        cut_at = int(fate.cut_at * total) if fate.cut else total
        for index in range(cut_at):
            await self._until(dues[index])
            now = monotonic_ns()
            turn.oracle.token(turn.record, now, dues[index], turn.keep)
            yield part(ts=now, **_token(answer, index))
        if fate.cut:
            await self._until(dues[cut_at])
        if fate.cut == "error":
            raise _Ends("INTERNAL", f"{_TOLD} in the middle of a reply", "failed")
        if fate.cut == "disconnect":
            raise _Ends("UNAVAILABLE", f"Connection reset: {_TOLD}", "disconnected")
        if not fate.cut:
            yield part(ts=monotonic_ns(), done=True, **_ending(turn))

    def _arrived(self, context: Any) -> Record:
        told = _told(context)
        return self._state.oracle.arrived(
            told.get("x-krawall-turn", ""), monotonic_ns(), told.get("x-krawall-session", "")
        )

    def _ended(self, record: Record, how: str, keep: list[bool]) -> None:
        if not record.end:
            self._state.oracle.ended(record, how, keep[0])

    async def _meet(self, text: str, question: Any, record: Record, keep: list[bool], context: Any) -> _Turn:
        """Decide what happens to a question. Raises _Ends."""
        state, told = self._state, _told(context)
        try:
            rules = state.rules_for(told.get("x-mock-behaviour", "").encode("latin-1", "replace"))
        except ValueError as error:
            raise self._refusal(400, f"x-mock-behaviour: {error}", record) from None
        behaviour = rules.behaviour
        keep[0] = behaviour.oracle
        headers = {name.encode(): value.encode("latin-1", "replace") for name, value in told.items()}
        request = Request("POST", "", "", "2", headers, b"", True, record.received_ns)
        if not authorized(behaviour.api_key, request, (b"x-api-key",)):
            raise self._refusal(401, "the API key is missing or wrong", record)
        if question.max_tokens < 0:
            raise self._refusal(400, "max_tokens must be at least 1", record)
        call = Call(Ask([Message("user", text)], question.max_tokens or None), conversation=question.conversation_id)
        try:
            state.check(call)
        except BadRequest as error:
            raise self._refusal(error.status, str(error), record) from None
        fate = state.fates.decide(rules, record.received_ns)
        if fate.status != 200:
            await self._until(state.fates.reply_due(rules, fate))
            words = "rate limit reached, try again later" if fate.status == 429 else _TOLD
            raise self._refusal(fate.status, words, record, fate.retry_after_s)
        call = state.recall(call)
        answer = state.speaker.answer(
            call.ask, behaviour.persona, behaviour.seed, rules.tokens, rules.reasoning, fate.kind
        )
        state.remember(call, answer)
        state.oracle.tokens_in += answer.prompt_tokens
        record.said = text[:120] if keep[0] else ""
        record.thoughts = len(answer.thoughts)
        return _Turn(state, record, rules, fate, call, answer)

    def _refusal(self, status: int, words: str, record: Record, wait_s: float | None = None) -> _Ends:
        record.status = status
        return _Ends(_CODES.get(status, "INTERNAL" if status >= 500 else "FAILED_PRECONDITION"), words, wait_s=wait_s)

    async def _abort(self, end: _Ends, record: Record, keep: list[bool], context: Any) -> None:
        self._ended(record, end.how, keep)
        if end.wait_s is not None:
            context.set_trailing_metadata((("grpc-retry-pushback-ms", str(round(end.wait_s * 1000))),))
        await context.abort(getattr(self._codes, end.code), str(end))

    async def _until(self, due_ns: int) -> None:
        """Wait until it is due; during a freeze, until the thaw."""
        while (wait_ns := max(due_ns, self._state.fates.thaw(now := monotonic_ns()))) > now:
            come: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._pacer.at(wait_ns, lambda come=come: come.done() or come.set_result(None))  # type: ignore[misc]
            await come


def _told(context: Any) -> dict[str, str]:
    return {name: value for name, value in context.invocation_metadata() or () if isinstance(value, str)}


def _usage(turn: _Turn) -> dict[str, int]:
    answer = turn.answer
    return {
        "prompt_tokens": answer.prompt_tokens,
        "completion_tokens": answer.tokens,
        "total_tokens": answer.prompt_tokens + answer.tokens,
        "reasoning_tokens": len(answer.thoughts),
    }


def _said(turn: _Turn) -> dict[str, Any]:
    answer, ending = turn.answer, _ending(turn)
    if answer.kind == "tool":
        return ending | {"tool": {"name": answer.tool, "arguments": answer.text}, "thought": answer.thought}
    return ending | {"reply": answer.text, "thought": answer.thought}


def _ending(turn: _Turn) -> dict[str, Any]:
    said: dict[str, Any] = {"conversation_id": turn.call.conversation or "", "finish": turn.answer.finish}
    if turn.rules.behaviour.usage != "none":
        said["usage"] = _usage(turn)
    return said | {"refused": turn.answer.kind == "refusal"}


def _token(answer: Answer, index: int) -> dict[str, Any]:
    at = index - len(answer.thoughts)
    if at < 0:
        return {"thought": answer.thoughts[index]}
    if answer.kind == "tool":
        return {"tool": {"name": answer.tool, "arguments": answer.pieces[at]}}
    return {"text": answer.pieces[at]}
