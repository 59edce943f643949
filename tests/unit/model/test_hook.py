from __future__ import annotations

from krawall.model.exchange import Fault, FaultKind, Message, Prompt, Reply
from krawall.model.hook import Hooked

PROMPT = Prompt([Message("user", "hi")], "hi")


async def test_a_hook_that_overrides_nothing_changes_nothing():
    hook, reply = Hooked(), Reply("hello")
    assert await hook.before_send(PROMPT) is PROMPT
    assert await hook.after_receive(PROMPT, reply) is reply
    assert await hook.on_error(PROMPT, Fault(FaultKind.server, "500")) is False
    assert hook.keep("a text") == "a text"
