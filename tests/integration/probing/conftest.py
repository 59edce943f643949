"""Connection tests on the event loop that ships and on the one that is there when it cannot be installed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import uvloop

from krawall.model.target import Target
from krawall.services.planning import Overrides
from krawall.services.probing import Outcome, Step, probe
from krawall.services.trials import local_trial
from krawall.testing.asking import Known

Tried = tuple[dict[str, Step], Outcome]
Try = Callable[..., Awaitable[Tried]]


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"uvloop": uvloop.new_event_loop, "asyncio": asyncio.new_event_loop}


@pytest.fixture(autouse=True)
async def _nothing_hangs() -> AsyncIterator[None]:
    """A test that waits for ever fails instead."""
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    alarm = loop.call_later(20, lambda: [other.cancel() for other in asyncio.all_tasks() if other is not task])
    yield
    alarm.cancel()


@pytest.fixture
def attempt(tmp_path: Path) -> Try:
    """Test a target, and return its steps by name and the outcome."""

    async def run(secrets: dict[str, str] | None = None, most_s: float = 10.0, **fields: Any) -> Tried:
        trial = local_trial(Target.model_validate(fields), Known(secrets or {}), tmp_path, Overrides())
        told = [each async for each in probe(trial, most_s)]
        *steps, outcome = told
        assert isinstance(outcome, Outcome)
        assert all(isinstance(step, Step) for step in steps)
        return {step.name: step for step in steps if isinstance(step, Step)}, outcome

    return run
