"""The contract of a hook: what happens beside each request of a target. Settings that open once per process and target.

Hooks act in the order in which a target names them; after the reply in the reverse order. What they take before a request
is sent is held back from its times (`Mark.hold`), so that a hook never changes measured latency.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import ClassVar, Protocol

from krawall.model.base import NS_PER_S, Document, Record
from krawall.model.connector import Secrets
from krawall.model.exchange import Fault, Prompt, Reply
from krawall.model.target import Target


class Fetched(Record, frozen=True):
    """An answer to a hook's own request. Header names are lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class Fetch(Protocol):
    """A hook's own way out: to hosts that were granted to it, and to no other."""

    async def __call__(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        timeout_ns: int = 30 * NS_PER_S,
    ) -> Fetched:
        """Ask once. Redirects are not followed.

        Raises:
            krawall.model.exchange.TargetFault: there was no answer.
            krawall.errors.Refused: the host was not granted; `Hook.urls` did not name it.
        """
        ...


@dataclass(frozen=True)
class Surroundings:
    """Where a hook is opened. `directory` is where it may keep files ("": nowhere); `now` is the engine's clock, ns.

    `hide` takes a secret that came to be known (a token): it is scrubbed from everything that is written down from now on.
    `part` tells the files of one shard and attempt from those of others, such as 0-1.
    `kept` returns what may be written down of a text: without secrets, and as every hook leaves it.
    """

    target: Target
    secrets: Secrets
    session: str
    directory: str
    now: Callable[[], int]
    fetch: Fetch
    hide: Callable[[str], None]
    kept: Callable[[str], str] = str
    part: str = "0-1"


class Hooked:
    """An open hook, shared by all users of the process. Override what it cares for."""

    async def prepare(self) -> None:
        """Get ready before the session begins (a first token), so that what cannot work is known before anything is sent.

        Raises:
            krawall.model.exchange.TargetFault: it cannot; the session does not begin.
        """

    async def before_send(self, prompt: Prompt) -> Prompt:
        """Return what is sent instead of `prompt`; `extra` takes headers (of a WebSocket: of the handshake that it needs).

        Raises:
            krawall.model.exchange.TargetFault: it cannot be sent.
        """
        return prompt

    async def after_receive(self, prompt: Prompt, reply: Reply) -> Reply:
        """Return what was received instead of `reply`."""
        return reply

    async def on_error(self, prompt: Prompt, fault: Fault) -> bool:
        """The exchange failed. Return True when it is worth sending once more at once (a token was renewed)."""
        return False

    def keep(self, text: str) -> str:
        """Return what may be written down of a text that was sent or received."""
        return text


class Hook(Document):
    """Settings of a hook. The file name is the kind; `hooks: [{KIND: {...}}]` in a target, or `{KIND: value}` for `shorthand`."""

    api: ClassVar[int] = 1
    shorthand: ClassVar[str] = ""
    kind: str

    def urls(self) -> list[str]:
        """Return the URLs that it asks itself (references not resolved), so that the guard rails can grant their hosts."""
        return []

    @abstractmethod
    def open(self, around: Surroundings) -> AbstractAsyncContextManager[Hooked]:
        """Open the hook; it closes with the session's part in this process."""
