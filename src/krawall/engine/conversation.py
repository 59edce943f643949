"""One pass through the scenario: the Conversation that steps act on, and the one place where a turn happens."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from random import Random
from typing import TYPE_CHECKING, Any, NoReturn

import msgspec

from krawall.clock import iso
from krawall.conversation.checks import Facts, check
from krawall.conversation.dice import Dice
from krawall.conversation.history import History
from krawall.conversation.repetition import score
from krawall.conversation.template import RenderError
from krawall.conversation.variables import conversation_seed, draw_vars, pick_row
from krawall.conversation.window import select
from krawall.engine import inject
from krawall.engine.ends import Ended, Failed, Stopped
from krawall.load.retry import Decision, decide
from krawall.load.spend import cost_pico
from krawall.model.budget import Spend
from krawall.model.check import Expectation
from krawall.model.exchange import (
    Check,
    Checked,
    Exchange,
    Fault,
    FaultKind,
    Message,
    Prompt,
    Reply,
    TargetFault,
    Told,
    Usage,
)
from krawall.model.spread import SpreadValue
from krawall.model.step import Step

if TYPE_CHECKING:
    from krawall.engine.user import User

NOTHING = Usage()
BILLED = (FaultKind.timeout, FaultKind.truncated, FaultKind.protocol, FaultKind.cancelled)


class Talk:
    """Implements `model.step.Conversation`, and the scope that texts look names up in. Lives for one conversation."""

    def __init__(self, user: User, index: int, planned_ns: int) -> None:
        shard = user.shard
        program = shard.program
        self._user = user
        self._shard = shard
        self._program = program
        self.index = index
        self.planned_ns = planned_ns
        self.ready_ns = planned_ns  # when the next turn is meant to be sent
        self.start_ns = shard.clock()
        self.deadline_ns = self.start_ns + program.timeouts.conversation if program.timeouts.conversation else 0
        self.history = History()
        self.last: Reply | None = None
        self.turn = 0
        self._rng: Random | None = None
        self._loops: list[dict[str, Any]] = []
        self._conversation_id: str | None = None
        self._heard: list[str] = []
        self._row = pick_row(program.rows, program.pick, index, program.seed) if program.rows else None
        self.vars: dict[str, Any] = draw_vars(program.vars, self.rng) if program.vars else {}
        self._system = self.render(program.system) if program.system else None
        self._usage = NOTHING
        self._tokens_in = self._tokens_out = self._cost = self._ok = self._bad = 0
        self._last_exchange: Exchange | None = None
        self._slow = False

    # what steps may do ------------------------------------------------------------------------------

    @property
    def rng(self) -> Random:
        """The conversation's generator; made when first needed."""
        if self._rng is None:
            self._rng = Random(conversation_seed(self._program.seed, self.index))
        return self._rng

    async def play(self, steps: Sequence[Step], under: str) -> None:
        """Run steps in order."""
        for index, step in enumerate(steps):
            await step.run(self, f"{under}.{index}")

    async def say(self, text: str, step: str, expect: Sequence[Expectation] = ()) -> Reply | None:
        """Say it, retry as the policy allows; None when the turn was skipped."""
        shard = self._shard
        if shard.stopping:
            raise Stopped(shard.stop_reason)
        self.turn += 1
        said = self.render(text)
        self.history.said(said)
        prompt = self._prompt(said)
        attempt = 1
        while True:
            reply, decision = await self._attempt(prompt, said, step, attempt, expect)
            if reply is not None:
                return reply
            if decision.action != "retry":
                break
            attempt += 1
            self.ready_ns = await self._wait_until(self.ready_ns + decision.wait_ns)
        self.history.forget_last()
        self.last = None
        if decision.action == "skip":
            return None
        if decision.action == "abort":
            shard.ask_to_stop(f"rule: {self._last_words()}")
            raise Stopped(shard.stop_reason)
        raise Failed(self._last_words())

    async def pause(self, spread: SpreadValue) -> None:
        """Wait; the next turn is meant for the end of the wait, however late we wake."""
        wait = spread.a if spread.shape == "fixed" else spread.draw(self.rng)
        self.ready_ns = await self._wait_until(self.ready_ns + wait)

    def render(self, text: str) -> str:
        """Render a text with this conversation's names."""
        return self._program.texts.render(text, self)

    def evaluate(self, expression: str) -> Any:
        """Evaluate an expression with this conversation's names."""
        return self._program.texts.evaluate(expression, self)

    def expect(self, expectations: Sequence[Expectation]) -> None:
        """Check the last reply; the results are a line of their own."""
        if self.last is None or self._last_exchange is None:
            return
        found = self._check(expectations, self.last, self._last_exchange)
        self._shard.record(Checked(self.index, self.turn, self._last_exchange.phase, self._last_exchange.step, found))
        for expectation, result in zip(expectations, found, strict=True):
            if expectation.hard and not result.ok:
                raise Failed(f"expected {result.name}: {result.detail}")

    def enter_loop(self, index: int, item: object, length: int | None) -> None:
        """Begin an iteration."""
        self._loops.append(
            {
                "index": index,
                "index0": index - 1,
                "item": item,
                "length": length,
                "first": index == 1,
                "last": index == length,
            }
        )

    def leave_loop(self) -> None:
        """End an iteration."""
        self._loops.pop()

    def end(self, because: str) -> NoReturn:
        """End the conversation."""
        raise Ended(because)

    # names in texts ----------------------------------------------------------------------------------

    def lookup(self, name: str) -> object:
        """Return what a name in a text stands for."""
        if name in self.vars:
            return self.vars[name]
        found = (_ORIGINAL.get(name) if self._program.original else None) or _NAMES.get(name)
        return found(self) if found else None

    def _last_of(self, role: str) -> str:
        return next((message.content for message in reversed(self.history.messages) if message.role == role), "")

    # a turn -------------------------------------------------------------------------------------------

    def _prompt(self, said: str) -> Prompt:
        program = self._program
        if program.keep_history:
            messages = select(self.history.messages, program.window, program.count)
        else:
            messages = [Message("user", said)]
        return Prompt(messages, said, self._system, self._conversation_id if program.server_history else None)

    async def _attempt(
        self, prompt: Prompt, said: str, step: str, attempt: int, expect: Sequence[Expectation]
    ) -> tuple[Reply | None, Decision]:
        """Do one attempt: reserve, pace, exchange, settle, record. Return (reply, None decision) or (None, what to do)."""
        shard, user, program = self._shard, self._user, self._program
        worst = shard.worst_case(prompt)
        if (denied := shard.purse.reserve(worst)) is not None:
            await shard.more_allowance(worst, denied)
        if shard.paced:
            await shard.pace()
        injected = (
            inject.draw(program.inject, conversation_seed(program.seed, self.index * 4099 + self.turn * 17 + attempt))
            if program.inject
            else None
        )
        mark = user.mark
        mark.reset()
        start_ns = shard.clock()
        fault: Fault | None = None
        reply: Reply | None = None
        usage: Usage | None = None
        cancelled = False
        shard.in_flight += 1
        user.watch.begin(start_ns, self.deadline_ns, user.task)
        try:
            if injected is None:
                reply = await user.channel.exchange(prompt, mark)
            else:
                mark = inject.stamps_for(injected[0], mark)
                reply = await inject.exchange(*injected, user.channel, prompt, mark)
            usage = reply.usage
        except TargetFault as trouble:
            fault, usage = trouble.fault, trouble.usage
        except asyncio.CancelledError:
            if user.watch.expired is None:
                cancelled = True
                fault = Fault(FaultKind.cancelled, "stopped")
            else:
                user.task.uncancel()
                fault = user.watch.expired
        except Exception as error:  # noqa: BLE001  the user's boundary: what escapes a connector is our bug, and is told
            fault = Fault(FaultKind.protocol, f"internal: {type(error).__name__}: {error}")
            shard.bug(error)
        finally:
            user.watch.end()
            shard.in_flight -= 1
        done_ns = shard.clock()
        usage = self._bill(reply, fault, usage, prompt, "".join(mark.text), bool(mark.byte_ns))
        shard.purse.settle(worst, Spend(usage.cost_pico, usage.tokens_in + usage.tokens_out, 1, 0))
        if injected is not None and fault is not None:
            fault = Fault(fault.kind, fault.detail, fault.status, fault.retry_after_ns, True)
        origin = shard.origin
        heard = reply.text if reply else "".join(mark.text)
        checks: list[Check] = []
        exchange = Exchange(
            conversation=self.index,
            user=user.index,
            turn=self.turn,
            attempt=attempt,
            phase=program.phases.at(self.ready_ns - origin),
            step=step,
            planned_ns=self.ready_ns - origin,
            start_ns=start_ns - origin,
            sent_ns=mark.sent_ns - origin if mark.sent_ns else 0,
            done_ns=done_ns - origin,
            byte_ns=mark.byte_ns - origin if mark.byte_ns else 0,
            event_ns=mark.event_ns - origin if mark.event_ns else 0,
            token_ns=mark.token_ns - origin if mark.token_ns else 0,
            seen_ns=mark.seen_ns - origin if mark.seen_ns else 0,
            last_ns=mark.last_ns - origin if mark.last_ns else 0,
            connect_ns=mark.connect_ns,
            events=mark.events,
            gaps_us=mark.gaps_us,
            usage=usage,
            status=reply.status if reply else fault.status if fault else None,
            fault=fault,
            injected=injected[0].kind if injected else None,
            repetition=score(heard, self._heard[-10:]) if program.repetition and reply else -1.0,
            said=said,
            heard=heard,
        )
        if reply is not None and expect:
            checks = self._check(expect, reply, exchange)
            bad = next(
                (result for wish, result in zip(expect, checks, strict=True) if wish.hard and not result.ok), None
            )
            if bad:
                fault = Fault(FaultKind.expectation, f"expected {bad.name}: {bad.detail}", reply.status)
            exchange = msgspec.structs.replace(exchange, checks=checks, fault=fault)
        self._last_exchange = exchange
        self.ready_ns = done_ns
        return self._conclude(exchange, reply, fault, cancelled)

    def _conclude(
        self, exchange: Exchange, reply: Reply | None, fault: Fault | None, cancelled: bool
    ) -> tuple[Reply | None, Decision]:
        """Record the exchange; keep the reply, or say what follows the fault."""
        shard = self._shard
        shard.settled(fault)
        if fault is None and reply is not None:
            shard.record(exchange)
            self._keep(exchange, reply)
            return reply, _FINE
        if cancelled or fault is None:
            shard.record(exchange)
            raise asyncio.CancelledError
        decision = decide(fault, exchange.attempt, self._program.policy, shard.jitter)
        if decision.action == "retry":
            if shard.stopping:
                decision = Decision("skip")
            else:
                exchange = msgspec.structs.replace(exchange, final=False)
        shard.record(exchange)
        return None, decision

    def _keep(self, exchange: Exchange, reply: Reply) -> None:
        self.last = reply
        self.history.heard(reply.text)
        if self._program.repetition:
            self._heard.append(reply.text)
        if reply.conversation_id is not None:
            self._conversation_id = reply.conversation_id
        ttft_ns, latency_ns = self._program.slow_ns
        if (ttft_ns and exchange.seen_ns - exchange.sent_ns > ttft_ns) or (
            latency_ns and exchange.last_ns - exchange.sent_ns > latency_ns
        ):
            self._slow = True

    def _bill(
        self, reply: Reply | None, fault: Fault | None, usage: Usage | None, prompt: Prompt, heard: str, answered: bool
    ) -> Usage:
        """Return what the attempt used: as reported, else estimated (and marked so) when the target did work for it."""
        program = self._program
        if usage is None or not (usage.tokens_in or usage.tokens_out):
            if reply is None and not (answered and fault is not None and fault.kind in BILLED and heard):
                return NOTHING
            sent = sum(program.count(message.content) for message in prompt.messages) + (
                program.count(prompt.system) if prompt.system else 0
            )
            usage = Usage(sent, program.count(heard), estimated=True)
        elif not usage.tokens_out and heard:
            usage = msgspec.structs.replace(usage, tokens_out=program.count(heard), estimated=True)
        if program.prices is not None:
            usage = msgspec.structs.replace(usage, cost_pico=cost_pico(usage, program.prices))
        self._usage = usage
        self._tokens_in += usage.tokens_in
        self._tokens_out += usage.tokens_out
        self._cost += usage.cost_pico
        return usage

    def _check(self, expectations: Sequence[Expectation], reply: Reply, exchange: Exchange) -> list[Check]:
        facts = Facts(
            text=reply.text,
            latency_ns=(exchange.last_ns or exchange.done_ns) - exchange.sent_ns,
            ttft_ns=exchange.seen_ns - exchange.sent_ns if exchange.seen_ns else None,
            tokens_out=exchange.usage.tokens_out if exchange.usage else 0,
            render=self.render,
            evaluate=self.evaluate,
        )
        before, self.last = self.last, reply  # expressions of checks mean this reply
        try:
            found = [check(expectation, facts) for expectation in expectations]
        finally:
            self.last = before
        self._ok += sum(result.ok for result in found)
        self._bad += sum(not result.ok for result in found)
        return found

    async def _wait_until(self, at_ns: int) -> int:
        if self.deadline_ns and at_ns > self.deadline_ns:
            await self._shard.sleep_until(self.deadline_ns)
            raise Failed("the conversation took longer than its timeout")
        await self._shard.sleep_until(at_ns)
        return at_ns

    def _last_words(self) -> str:
        fault = self._last_exchange.fault if self._last_exchange else None
        return f"{fault.kind}: {fault.detail}" if fault else "the conversation failed"

    # the whole ----------------------------------------------------------------------------------------

    async def run(self) -> str:
        """Play the scenario once; record and return the outcome."""
        shard = self._shard
        outcome, reason = "completed", ""
        try:
            await self.play(self._program.steps, "steps")
        except Ended as ended:
            outcome, reason = "ended", str(ended)
        except Failed as failed:
            outcome, reason = "failed", str(failed)
        except Stopped as stopped:
            outcome, reason = ("capped" if str(stopped).startswith("cap") else "abandoned"), str(stopped)
        except RenderError as error:
            outcome, reason = "failed", str(error)
            shard.ask_to_stop(f"internal: {error}")
        except asyncio.CancelledError:
            self._tell("abandoned", "stopped")
            raise
        self._tell(outcome, reason)
        return outcome

    def _tell(self, outcome: str, reason: str) -> None:
        shard = self._shard
        origin = shard.origin
        shard.record(
            Told(
                conversation=self.index,
                user=self._user.index,
                phase=self._program.phases.at(self.planned_ns - origin),
                planned_ns=self.planned_ns - origin,
                start_ns=self.start_ns - origin,
                done_ns=shard.clock() - origin,
                outcome=outcome,
                turns=self.turn,
                tokens_in=self._tokens_in,
                tokens_out=self._tokens_out,
                cost_pico=self._cost,
                reason=reason,
                checks_ok=self._ok,
                checks_bad=self._bad,
                slow=self._slow,
            )
        )


_FINE = Decision("skip")


def _reply_json(talk: Talk) -> object:
    try:
        return msgspec.json.decode(talk.last.text.encode()) if talk.last else None
    except msgspec.DecodeError:
        return None


def _usage(talk: Talk) -> object:
    usage = talk._usage
    return {
        "input": usage.tokens_in, "output": usage.tokens_out, "cached": usage.cached, "reasoning": usage.reasoning,
        "total": usage.tokens_in + usage.tokens_out, "cost": usage.cost_pico / 1e12,
    }  # fmt: skip


_NAMES = {
    "turn": lambda talk: talk.turn,
    "conversation": lambda talk: talk.index,
    "user": lambda talk: talk._user.index,
    "loop": lambda talk: (
        talk._loops[-1]
        if talk._loops
        else {"index": 0, "index0": -1, "item": None, "length": 0, "first": False, "last": False}
    ),
    "reply": lambda talk: talk.last.text if talk.last else "",
    "reply_json": _reply_json,
    "history": lambda talk: talk.history.as_data(),
    "usage": _usage,
    "now": lambda talk: iso(talk._shard.wall_ns()),
    "rng": lambda talk: Dice(lambda: talk.rng),
    "data": lambda talk: talk._row or {},
    "var": lambda talk: talk.vars,
    "env": lambda talk: talk._program.env,
}

# The original product's names, in handlebars scenarios; what each means: conversation.names.ORIGINAL_NAMES.
_ORIGINAL = {
    "messageIndex": lambda talk: talk.turn - 1,
    "repetitionIndex": lambda talk: talk._loops[0]["index0"] if talk._loops else 0,
    "timestamp": lambda talk: iso(talk._shard.wall_ns()),
    "lastResponse": lambda talk: talk.last.text if talk.last else "",
    "response": lambda talk: talk.last.text if talk.last else "",
    "conversationId": lambda talk: talk._conversation_id or str(talk.index),
    "messageCount": lambda talk: len(talk.history.messages),
    "tokenCount": lambda talk: talk._tokens_in + talk._tokens_out,
    "lastAssistantMessage": lambda talk: talk._last_of("assistant"),
    "lastUserMessage": lambda talk: talk._last_of("user"),
    "index": lambda talk: talk._loops[-1]["index0"] if talk._loops else 0,
    "sessionId": lambda talk: talk._program.spec.session,
}
