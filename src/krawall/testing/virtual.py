"""The event loop in virtual time, for tests: see `krawall.engine.virtual`."""

from __future__ import annotations

from krawall.engine.virtual import START_NS, VirtualLoop, clock, run_virtual

__all__ = ["START_NS", "VirtualLoop", "clock", "run_virtual"]
