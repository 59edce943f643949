"""Time of a session with its pauses left out. Pure arithmetic over ns since the session began."""

from __future__ import annotations

from collections.abc import Sequence

from krawall.model.base import Record


class Pause(Record, frozen=True):
    """A stretch of real time in which the timeline stood still; `to_ns` None: it still does."""

    from_ns: int
    to_ns: int | None = None


class Timeline:
    """One per session, owned by the conductor. Moments that are given do not go back; those before the start count as 0."""

    def __init__(self, pauses: Sequence[Pause] = ()) -> None:
        self.pauses = list(pauses)

    @property
    def paused(self) -> bool:
        """Whether the timeline stands still."""
        return bool(self.pauses) and self.pauses[-1].to_ns is None

    @property
    def shift_ns(self) -> int:
        """For how long it has stood still in all, the pause under way left out."""
        return sum(pause.to_ns - pause.from_ns for pause in self.pauses if pause.to_ns is not None)

    def pause(self, now_ns: int) -> None:
        """Stand still from now on."""
        if not self.paused:
            self.pauses.append(Pause(max(0, now_ns)))

    def resume(self, now_ns: int) -> None:
        """Go on from now on. A pause of no length is forgotten."""
        if self.paused:
            begun = self.pauses.pop().from_ns
            if now_ns > begun:
                self.pauses.append(Pause(begun, now_ns))

    def at(self, real_ns: int) -> int:
        """Return the time of the timeline at a moment of real time; within a pause it is that of its beginning."""
        return real_ns - self.still(0, real_ns)

    def still(self, from_ns: int, to_ns: int) -> int:
        """Return for how long it stood still between two moments of real time."""
        ends = [(pause.from_ns, to_ns if pause.to_ns is None else pause.to_ns) for pause in self.pauses]
        return sum(max(0, min(end, to_ns) - max(start, from_ns)) for start, end in ends)
