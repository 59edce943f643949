"""Shared by every tier: properties are never timed, since a busy machine is not a bug; examples repeat from run to run."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("krawall", deadline=None, derandomize=True, database=None)
settings.load_profile("krawall")
