"""What an attempt used: as the target reported it, else estimated and marked so. Money by the target's rates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from krawall.engine.attempt import Attempt
from krawall.load.spend import FREE, cost_pico
from krawall.model.exchange import Prompt, Usage

if TYPE_CHECKING:
    from krawall.engine.program import Program

NOTHING = Usage()


def bill(program: Program, attempt: Attempt, prompt: Prompt) -> Usage:
    """Return the usage of an attempt with its cost; NOTHING when the target did no work for it."""
    usage = attempt.usage
    if usage is None or not (usage.tokens_in or usage.tokens_out):
        heard = attempt.heard
        if attempt.reply is None and not heard:
            return NOTHING
        system = program.count(prompt.system) if prompt.system else 0
        sent = system + sum(program.count(message.content) for message in prompt.messages)
        usage = Usage(sent, program.count(heard), estimated=True)
    elif not usage.tokens_out and (heard := attempt.heard):
        usage = msgspec.structs.replace(usage, tokens_out=program.count(heard), estimated=True)
    if program.rates is not FREE:
        usage = msgspec.structs.replace(usage, cost_pico=cost_pico(usage, program.rates))
    return usage
