"""The contract of a connector: settings that open a line (per process and target), which hands out channels (per user)."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import ClassVar, Literal, Protocol, Self

from krawall.model.base import Document
from krawall.model.exchange import Prompt, Reply
from krawall.model.policy import Timeouts
from krawall.model.target import Target


class Mark(Protocol):
    """One per user, reused: the engine's clock, the connector's moments. Called as bytes arrive, so it must be cheap."""

    def now(self) -> int:
        """Return the engine's clock, ns."""
        ...

    def dialled(self, ns: int) -> None:
        """A connection was made; `ns` is how long DNS, TCP and TLS took."""
        ...

    def hold(self) -> None:
        """Something of ours holds the request back from now on (a token is renewed): nobody is late for that."""
        ...

    def release(self, counted: bool = True) -> None:
        """Nothing holds it back any more. `counted`: the time since `hold` is one for which nobody is late.

        Not counted: it had been sent before, and only the timeouts had to wait.
        """
        ...

    def again(self, since_ns: int) -> None:
        """Forget what was stamped: it is sent once more. All since `since_ns` counts as held back."""
        ...

    def sent(self) -> None:
        """The request's last byte was handed to the socket."""
        ...

    def byte(self, at_ns: int) -> None:
        """The first response byte arrived, on the monotonic clock."""
        ...

    def event(self, at_ns: int) -> None:
        """A protocol event arrived."""
        ...

    def token(self, text: str, at_ns: int, visible: bool = True) -> None:
        """A content event arrived; `visible`: a person can read it (not reasoning, not a tool call)."""
        ...

    def tokens(self) -> int:
        """Return how many content events have arrived in this exchange."""
        ...


class Secrets(Protocol):
    """Opens references such as `${BOT_KEY}`, in the process that sends them."""

    def resolve(self, text: str) -> str:
        """Return `text` with every reference replaced.

        Raises:
            krawall.errors.DocumentError: a reference has no value.
        """
        ...


class Gate(Protocol):
    """The only way to an address: granted hosts only, addresses pinned for the session."""

    def addresses(self, host: str, port: int) -> Sequence[str]:
        """Return the pinned addresses.

        Raises:
            krawall.errors.Refused: the host was not granted.
        """
        ...


Tap = Callable[[Literal["sent", "received"], bytes], None]
"""Takes what goes over the wire: the body or message as it is sent, the reply piece by piece as it arrives."""


class Channel(Protocol):
    """What one user talks through: owns a socket, or nothing."""

    async def exchange(self, prompt: Prompt, mark: Mark) -> Reply:
        """Send `prompt`, wait for the whole reply. Cancelling it closes what is half done.

        Raises:
            krawall.model.exchange.TargetFault: the target failed; nothing else is raised.
        """
        ...

    def slow(self, by_ns: int) -> None:
        """Read so much later after each piece that arrives (a slow reader); 0: as fast as possible."""
        ...

    def listen(self, tap: Tap | None) -> None:
        """Let `tap` hear what goes over the wire, before it is read; None: nobody listens (costs nothing)."""
        ...

    async def close(self) -> None:
        """Give the socket back."""
        ...


class Line(Protocol):
    """One per process and target: owns what users share."""

    def channel(self) -> Channel:
        """Return a new user's channel; it dials when it first needs to."""
        ...

    async def probe(self) -> None:
        """Connect once and hang up, so that an unreachable target is known before the session begins.

        Raises:
            krawall.model.exchange.TargetFault: there is no way to the target.
        """
        ...


class Connector(Document):
    """Settings of a connector. The file name is the kind."""

    api: ClassVar[int] = 1
    schemes: ClassVar[tuple[str, ...]] = ("http", "https")
    kind: str

    def planned(self, target: Target, folder: Path | None) -> Self:
        """Return the settings as a plan keeps them: files that they name are read now, relative to `folder`.

        `folder` is None on a server, where files are refused.

        Raises:
            krawall.errors.DocumentError: a file is missing, or is not what it should be.
        """
        return self

    @abstractmethod
    def open(
        self, target: Target, secrets: Secrets, gate: Gate, session: str, timeouts: Timeouts
    ) -> AbstractAsyncContextManager[Line]:
        """Open the line. `session` goes into the identification header."""
