"""Krawall: load, cost and quality testing for conversational AI.

`krawall.play("late-parcel.yaml", users=20)` plays a session and returns its result as typed data.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from krawall.version import __version__

if TYPE_CHECKING:
    from krawall.services.play import play as play

__all__ = ["__version__", "play"]


def __getattr__(name: str) -> object:
    # Loaded when asked for: `krawall --help` needs none of the engine.
    if name == "play":
        from krawall.services.play import play

        return play
    raise AttributeError(f"module 'krawall' has no attribute {name!r}")
