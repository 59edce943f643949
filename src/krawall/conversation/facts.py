"""What is known of one reply: its text, the text read as JSON, its times and tokens. The ground that checks stand on."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec

_FENCE = re.compile(r"```[\w+-]*[ \t]*\r?\n(.*?)(?:\r?\n[ \t]*```|\Z)", re.DOTALL)
_UNREAD: Any = object()
_decode = msgspec.json.Decoder().decode


class NotJson(ValueError):
    """The reply cannot be read as JSON."""


def read_json(text: str) -> Any:
    """Return `text` read as JSON: as it stands, else the first fenced code block in it.

    Raises:
        NotJson: neither is JSON.
    """
    for candidate in (text, *(found[1] for found in [_FENCE.search(text)] if found)):
        try:
            return _decode(candidate)
        except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
            continue
    raise NotJson("the reply is not JSON")


class Facts:
    """What is known of one reply, for the checks on it; made per turn, lives as long as its checks run.

    `latency_ns`, `ttft_ns` and `tokens_out` are None when they were not measured. `render` and `evaluate` are those of
    the conversation; what they raise passes through `check`.
    """

    __slots__ = ("_folded", "_json", "evaluate", "latency_ns", "render", "text", "tokens_out", "ttft_ns")

    def __init__(
        self,
        text: str,
        latency_ns: int | None,
        ttft_ns: int | None,
        tokens_out: int | None,
        render: Callable[[str], str],
        evaluate: Callable[[str], object],
    ) -> None:
        self.text = text
        self.latency_ns = latency_ns
        self.ttft_ns = ttft_ns
        self.tokens_out = tokens_out
        self.render = render
        self.evaluate = evaluate
        self._json: Any = _UNREAD
        self._folded: str | None = None

    @property
    def json(self) -> Any:
        """The reply read as JSON, decoded once.

        Raises:
            NotJson: it is none.
        """
        if self._json is _UNREAD:
            self._json = read_json(self.text)
        return self._json

    @property
    def folded(self) -> str:
        """The reply with letter case taken away."""
        if self._folded is None:
            self._folded = self.text.casefold()
        return self._folded
