"""The events of a streamed OpenAI response, in the order of the public API reference.

    response.created, response.in_progress
    thoughts:  output_item.added, reasoning_summary_part.added, reasoning_summary_text.delta ..., .done, part.done, item.done
    a message: output_item.added, content_part.added, output_text.delta ..., .done, content_part.done, output_item.done
    a refusal: the same with refusal.delta and .done;   a call: function_call_arguments.delta and .done without parts
    response.completed, response.incomplete or response.failed

Every event carries `sequence_number`, and one field more, `ts`: the monotonic time at which it was sent, ns.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from krawall.mockbot.dialect import Reply
from krawall.mockbot.responses_items import function_call, message, part, reasoning

_encode = msgspec.json.Encoder().encode
_DELTAS = {"text": "output_text", "refusal": "refusal", "tool": "function_call_arguments"}


class Writer:
    """Writes one stream. `begun` is the response with nothing in it, `finished` makes the one at the end of its items."""

    def __init__(
        self, reply: Reply, begun: dict[str, Any], finished: Callable[[list[dict[str, Any]]], dict[str, Any]]
    ) -> None:
        self._reply = reply
        self._begun = begun
        self._finished = finished
        self._sent = 0
        answer = reply.answer
        self._thoughts = len(answer.thoughts)
        self._shows = reply.call.shows_thoughts
        self._output = 1 if self._thoughts else 0  # index of the item of the reply
        self._item = function_call if answer.kind == "tool" else message
        place: dict[str, Any] = {"item_id": self._item(reply, "in_progress")["id"], "output_index": self._output}
        self._place = place if answer.kind == "tool" else place | {"content_index": 0}
        self._delta = f"response.{_DELTAS[answer.kind]}"
        self._logprobs: dict[str, Any] = {"logprobs": []} if answer.kind == "text" else {}

    def early(self, ts: int) -> bytes:
        """Return that the response was created and is in progress."""
        begun = {"response": self._begun}
        return self._event("response.created", begun, ts) + self._event("response.in_progress", begun, ts)

    def opening(self, ts: int) -> bytes:
        """Return the beginning of the thoughts, where there are some."""
        if not self._thoughts:
            return b""
        added = self._added(0, reasoning(self._reply, shown=False), ts)
        if not self._shows:
            return added
        return added + self._event("response.reasoning_summary_part.added", self._summary(part=""), ts)

    def token(self, index: int, ts: int) -> bytes:
        """Return a delta, and before the first of the reply the beginning of its item."""
        answer, at = self._reply.answer, index - self._thoughts
        if at < 0:
            if not self._shows:
                return b""
            return self._event("response.reasoning_summary_text.delta", self._summary(delta=answer.thoughts[index]), ts)
        start = self._start(ts) if at == 0 else b""
        delta = self._place | {"delta": answer.pieces[at]} | self._logprobs
        return start + self._event(f"{self._delta}.delta", delta, ts)

    def ending(self, ts: int) -> list[bytes]:
        """Return the end of the last item, and the whole response."""
        answer = self._reply.answer
        output = [reasoning(self._reply, shown=self._shows)] if self._thoughts else []
        events = []
        if answer.pieces:
            item = self._item(self._reply, "completed" if answer.finish == "stop" else "incomplete")
            events += self._stop(item, ts)
            output.append(item)
        elif self._thoughts:
            events.append(self._thought(ts))
        done = self._finished(output)
        return [*events, self._event(f"response.{done['status']}", {"response": done}, ts)]

    def failure(self, ts: int, message: str) -> list[bytes]:
        """Return that the response has failed."""
        failed = self._begun | {"status": "failed", "error": {"code": "server_error", "message": message}}
        return [self._event("response.failed", {"response": failed}, ts)]

    def _start(self, ts: int) -> bytes:
        """End the thoughts, where there were some, and begin the item of the reply."""
        thought = self._thought(ts) if self._thoughts else b""
        added = self._added(self._output, self._item(self._reply, "in_progress"), ts)
        if self._reply.answer.kind == "tool":
            return thought + added
        begun = self._place | {"part": part(self._reply, "")}
        return thought + added + self._event("response.content_part.added", begun, ts)

    def _stop(self, item: dict[str, Any], ts: int) -> list[bytes]:
        answer = self._reply.answer
        name = {"text": "text", "refusal": "refusal", "tool": "arguments"}[answer.kind]
        called = {"name": answer.tool} if answer.kind == "tool" else {}
        done = self._place | {name: answer.text} | called | self._logprobs
        events = [self._event(f"{self._delta}.done", done, ts)]
        if answer.kind != "tool":
            ended = self._place | {"part": part(self._reply, answer.text)}
            events.append(self._event("response.content_part.done", ended, ts))
        return [*events, self._done(self._output, item, ts)]

    def _thought(self, ts: int) -> bytes:
        """End the item of thoughts."""
        text, shown = self._reply.answer.thought, b""
        if self._shows:
            shown = self._event("response.reasoning_summary_text.done", self._summary(text=text), ts)
            shown += self._event("response.reasoning_summary_part.done", self._summary(part=text), ts)
        return shown + self._done(0, reasoning(self._reply, shown=self._shows), ts)

    def _summary(self, **said: str) -> dict[str, Any]:
        place: dict[str, Any] = {"item_id": f"rs_{self._reply.number}", "output_index": 0, "summary_index": 0}
        if "part" in said:
            return place | {"part": {"type": "summary_text", "text": said["part"]}}
        return place | said

    def _added(self, index: int, item: dict[str, Any], ts: int) -> bytes:
        return self._event("response.output_item.added", {"output_index": index, "item": item}, ts)

    def _done(self, index: int, item: dict[str, Any], ts: int) -> bytes:
        return self._event("response.output_item.done", {"output_index": index, "item": item}, ts)

    def _event(self, name: str, data: dict[str, Any], ts: int) -> bytes:
        data = {"type": name} | data | {"sequence_number": self._sent, "ts": ts}
        self._sent += 1
        return b"event: %s\ndata: %s\n\n" % (name.encode(), _encode(data))
