"""What both template languages share: where values come from, how much a text may grow, and how a rendering fails."""

from __future__ import annotations

from typing import Protocol

from krawall.errors import Place

MAX_BYTES = 1_000_000
"""Bound of a text, before and after rendering, in bytes of UTF-8."""

SHORT = MAX_BYTES // 4
"""A text of so many characters or fewer is within MAX_BYTES, whatever it says."""


class Scope(Protocol):
    """Where a text's values come from: one conversation at one moment."""

    def lookup(self, name: str) -> object:
        """Return the value of a top-level name: plain JSON data, or the `Dice` for `rng`. Called for used names only."""
        ...


class RenderError(Exception):
    """A text could not be rendered with the values at hand: our side's mistake, never the target's. A hard stop."""

    def __init__(self, place: Place) -> None:
        super().__init__(str(place))
        self.place = place
        self.message = place.message


class Compiled(Protocol):
    """A text after compilation. `path` is its place in the document, `names` the top-level names that it uses."""

    path: str
    names: tuple[str, ...]

    def render(self, scope: Scope) -> str:
        """Return the text.

        Raises:
            RenderError: a value is missing or unfit, or the text took too many steps.
        """
        ...


def too_long(text: str) -> bool:
    """Tell whether `text` is above MAX_BYTES; its bytes are counted only when its characters may be too many."""
    return len(text) > SHORT and len(text.encode(errors="surrogatepass")) > MAX_BYTES
