"""One pass through the scenario: the Conversation that steps act on, and the one place where a turn happens."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from random import Random
from typing import TYPE_CHECKING, Any, NoReturn, cast

import msgspec

from krawall.conversation.checks import check
from krawall.conversation.facts import Facts
from krawall.conversation.history import History
from krawall.conversation.repetition import score
from krawall.conversation.template import RenderError
from krawall.conversation.variables import conversation_seed, draw_vars, pick_row
from krawall.conversation.window import select
from krawall.engine import inject
from krawall.engine.attempt import Attempt, begin, end, failed, record
from krawall.engine.billing import NOTHING, bill
from krawall.engine.ends import Ended, Failed, Stopped
from krawall.engine.names import NAMES, ORIGINAL
from krawall.load.retry import Decision, decide
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
    Told,
    Usage,
)
from krawall.model.spread import SpreadValue
from krawall.model.step import Step

if TYPE_CHECKING:
    from krawall.engine.program import Program
    from krawall.engine.shard import Shard
    from krawall.engine.user import User


class Talk:
    """Implements `model.step.Conversation`, and the scope that texts look names up in. Lives for one conversation."""

    user: User
    shard: Shard
    program: Program
    history: History
    index: int
    turn: int
    tokens_in: int
    tokens_out: int
    row: dict[str, Any] | None
    usage: Usage
    loops: list[tuple[int, object, int | None]]  # index from 1, item, length
    conversation_id: str | None
    last: Reply | None
    vars: dict[str, Any]

    def __init__(self, user: User, index: int, planned_ns: int) -> None:
        shard = user.shard
        program = shard.program
        self.user = user
        self.shard = shard
        self.program = program
        self.index = index
        self.planned_ns = planned_ns
        self.ready_ns = planned_ns  # when the next turn is meant to be sent
        self.start_ns = shard.clock()
        self.zero = shard.course.zero  # pauses from here on do not count as time of the conversation
        self.limit_ns = program.timeouts.conversation or 0
        self.history = History()
        self.last = None
        self.turn = 0
        self._rng: Random | None = None
        self.loops = []
        self.conversation_id = None
        self._heard: list[str] = []
        self.row = pick_row(program.rows, program.pick, index, program.seed) if program.rows else None
        self.vars = draw_vars(program.vars, self.rng) if program.vars else {}
        self._system = self.render(program.system) if program.system else None
        self._system_length = len(self._system) if self._system else 0
        self.usage = NOTHING
        self.tokens_in = self.tokens_out = self._cost = self._ok = self._bad = 0
        self._last_exchange: Exchange | None = None
        self._slow = False
        self._wide = self._system is not None and not self._system.isascii()  # characters of several bytes occur

    # what steps may do ------------------------------------------------------------------------------

    @property
    def rng(self) -> Random:
        """The conversation's generator; made when first needed."""
        if self._rng is None:
            self._rng = Random(conversation_seed(self.program.seed, self.index))
        return self._rng

    async def play(self, steps: Sequence[Step], under: str) -> None:
        """Run steps in order."""
        for index, step in enumerate(steps):
            await step.run(self, f"{under}.{index}")

    async def say(self, text: str, step: str, expect: Sequence[Expectation] = ()) -> Reply | None:
        """Say it, retry as the policy allows; None when the turn was skipped.

        One coroutine down to the connector: each one between is woken for every reply.
        """
        shard, user, program = self.shard, self.user, self.program
        if shard.course.barred:
            self.ready_ns = await shard.course.sleep_until(self.ready_ns)
        said, prompt = self._next_turn(text)
        number = 1
        while True:
            size = self._size(prompt)
            cost, tokens = size * program.input_rate + program.longest_pico, size + program.max_output
            denied = shard.purse.reserve_request(cost, tokens)
            if (denied or shard.paced) and not await shard.admit(Spend(cost, tokens, 1), denied):
                decision = self._held_back(Spend(cost, tokens, 1), said, step, number)
            else:
                deadline_ns = self._deadline() if self.limit_ns else 0
                attempt = begin(user, deadline_ns, self._injecting(number) if program.inject else None)
                try:
                    if attempt.injecting is None:
                        attempt.reply = await user.channel.exchange(prompt, attempt.mark)
                    else:
                        attempt.reply = await inject.exchange(*attempt.injecting, user.channel, prompt, attempt.mark)
                except asyncio.CancelledError as stop:
                    failed(user, attempt, stop)
                except Exception as error:  # noqa: BLE001  the user's boundary: what is no TargetFault is our bug, and is told
                    failed(user, attempt, error)
                end(user, attempt)
                usage = self._bill(attempt, prompt)
                shard.purse.settle_request(cost, tokens, usage.cost_pico, usage.tokens_in + usage.tokens_out)
                if shard.hungry:
                    shard.wake_hungry()
                exchange = record(user, attempt, self.index, self.turn, number, step, self.ready_ns, said)
                verdict = self._conclude(exchange, attempt, expect)
                if verdict is None:
                    return attempt.reply
                decision = verdict
            if decision.action != "retry":
                self._give_up(decision)
                return None
            number += 1
            self.ready_ns = await self._wait_until(self.ready_ns + decision.wait_ns)

    async def pause(self, spread: SpreadValue) -> None:
        """Wait; the next turn is meant for the end of the wait, however late we wake."""
        wait = spread.a if spread.shape == "fixed" else spread.draw(self.rng)
        self.ready_ns = await self._wait_until(self.ready_ns + wait)

    def render(self, text: str) -> str:
        """Render a text with this conversation's names."""
        return self.program.texts.render(text, self)

    def evaluate(self, expression: str) -> Any:
        """Evaluate an expression with this conversation's names."""
        return self.program.texts.evaluate(expression, self)

    def expect(self, expectations: Sequence[Expectation]) -> None:
        """Check the last reply; the results are a line of their own."""
        if self.last is None or self._last_exchange is None:
            return
        found = self._check(expectations, self.last, self._last_exchange)
        self.shard.record(Checked(self.index, self.turn, self._last_exchange.phase, self._last_exchange.step, found))
        for expectation, result in zip(expectations, found, strict=True):
            if expectation.hard and not result.ok:
                raise Failed(f"expected {result.name}: {result.detail}")

    def enter_loop(self, index: int, item: object, length: int | None) -> None:
        """Begin an iteration."""
        self.loops.append((index, item, length))

    def leave_loop(self) -> None:
        """End an iteration."""
        self.loops.pop()

    def end(self, because: str) -> NoReturn:
        """End the conversation."""
        raise Ended(because)

    # names in texts ----------------------------------------------------------------------------------

    def lookup(self, name: str) -> object:
        """Return what a name in a text stands for."""
        if name in self.vars:
            return self.vars[name]
        found = (ORIGINAL.get(name) if self.program.original else None) or NAMES.get(name)
        return found(self) if found else None

    def last_of(self, role: str) -> str:
        """Return the newest message of a role, or nothing."""
        return next((message.content for message in reversed(self.history.messages) if message.role == role), "")

    # a turn -------------------------------------------------------------------------------------------

    def _prompt(self, said: str) -> Prompt:
        program = self.program
        if program.keep_history and program.last_messages:
            # A history alternates, so that the last n turns are its last 2n - 1 messages (window.select says it in general).
            messages = self.history.messages[-program.last_messages :]
        elif program.keep_history:
            messages = select(self.history.messages, program.window, program.count, self._system)
        else:
            messages = [Message("user", said)]
        return Prompt(messages, said, self._system, self.conversation_id if program.server_history else None)

    def _size(self, prompt: Prompt) -> int:
        """Return how many tokens a prompt is at most: one per byte that goes out."""
        count = len(prompt.messages)  # always the newest of the history
        letters = self.history.length(count) + self._system_length
        return (4 * letters if self._wide else letters) + 8 * count + 8

    def _next_turn(self, text: str) -> tuple[str, Prompt]:
        self.turn += 1
        said = self.render(text)
        self.history.said(said)
        if not said.isascii():
            self._wide = True
        return said, self._prompt(said)

    def _injecting(self, number: int) -> int:
        """Return the seed of what is put into attempt `number` of this turn."""
        return conversation_seed(self.program.seed, self.index * 4099 + self.turn * 17 + number)

    def _give_up(self, decision: Decision) -> None:
        """Leave the turn unanswered, and the conversation or the session if the decision says so."""
        self.history.forget_last()
        self.last = None
        if decision.action == "abort":
            self.shard.ask_to_stop(f"rule: {self._last_words()}")
            raise Stopped(self.shard.course.stop_reason)
        if decision.action != "skip":
            raise Failed(self._last_words())

    def _held_back(self, worst: Spend, said: str, step: str, number: int) -> Decision:
        """Record a message that our own limit did not let out; it is marked as ours and never counted as the target's."""
        shard = self.shard
        shard.settle(worst, Spend())
        self.user.mark.reset()
        attempt = Attempt(self.user.mark, shard.clock())
        attempt.done_ns, attempt.injected = attempt.start_ns, "pace"
        attempt.fault = fault = Fault(FaultKind.rate_limited, "held back by our own limit", injected=True)
        pace = self.program.target.pace
        dropped = pace is not None and pace.when_empty == "drop"
        decision = Decision("skip") if dropped else decide(fault, number, self.program.policy, shard.jitter)
        exchange = record(self.user, attempt, self.index, self.turn, number, step, self.ready_ns, said)
        self._last_exchange = msgspec.structs.replace(exchange, final=decision.action != "retry")
        shard.record(self._last_exchange)
        self.ready_ns = attempt.done_ns
        return decision

    def _checked(self, exchange: Exchange, reply: Reply, expect: Sequence[Expectation]) -> Exchange:
        """Return the exchange with the results of its checks; a hard one that fails makes it a fault."""
        checks = self._check(expect, reply, exchange)
        bad = next((result for wish, result in zip(expect, checks, strict=True) if wish.hard and not result.ok), None)
        words = f"expected {bad.name}: {bad.detail}" if bad else ""
        ours = exchange.injected is not None  # what we slowed down ourselves is not the target's
        fault = Fault(FaultKind.expectation, words, reply.status, injected=ours) if bad else None
        return msgspec.structs.replace(exchange, checks=checks, fault=fault)

    def _conclude(self, exchange: Exchange, attempt: Attempt, expect: Sequence[Expectation]) -> Decision | None:
        """Check and record the exchange. Keep the reply and return None, or return what follows the fault."""
        shard, reply = self.shard, attempt.reply
        if reply is not None:
            if self.program.repetition:
                exchange = msgspec.structs.replace(exchange, repetition=score(reply.text, self._heard[-10:]))
            if expect:
                exchange = self._checked(exchange, reply, expect)
        self._last_exchange = exchange
        self.ready_ns = attempt.done_ns
        if attempt.cancelled:
            shard.record(exchange)
            raise asyncio.CancelledError
        fault = exchange.fault
        if fault is not None or shard.guarded:
            shard.settled(fault)
        if fault is None:
            shard.record(exchange)
            self._keep(exchange, cast(Reply, reply))
            return None
        decision = decide(fault, exchange.attempt, self.program.policy, shard.jitter)
        if decision.action == "retry":
            if shard.course.stopping:
                decision = Decision("skip")
            else:
                exchange = msgspec.structs.replace(exchange, final=False)
        shard.record(exchange)
        return decision

    def _keep(self, exchange: Exchange, reply: Reply) -> None:
        self.last = reply
        self.history.heard(reply.text)
        if not reply.text.isascii():
            self._wide = True
        if self.program.repetition:
            self._heard.append(reply.text)
        if reply.conversation_id is not None:
            self.conversation_id = reply.conversation_id
        ttft_ns, latency_ns = self.program.slow_ns
        if (ttft_ns and exchange.seen_ns - exchange.sent_ns > ttft_ns) or (
            latency_ns and exchange.last_ns - exchange.sent_ns > latency_ns
        ):
            self._slow = True

    def _bill(self, attempt: Attempt, prompt: Prompt) -> Usage:
        attempt.usage = self.usage = usage = bill(self.program, attempt, prompt)
        self.tokens_in += usage.tokens_in
        self.tokens_out += usage.tokens_out
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
            if (redact := self.shard.redact) is not None:
                found = [Check(one.name, one.ok, redact(one.detail)) for one in found]
        finally:
            self.last = before
        self._ok += sum(result.ok for result in found)
        self._bad += sum(not result.ok for result in found)
        return found

    async def _wait_until(self, at_ns: int) -> int:
        if self.limit_ns and at_ns > self._deadline():
            await self.shard.course.sleep_until(self._deadline())
            raise Failed("the conversation took longer than its timeout")
        return await self.shard.course.sleep_until(at_ns)

    def _deadline(self) -> int:
        """Return when the conversation's time is up; pauses of the session do not count."""
        return self.start_ns + self.limit_ns + self.shard.course.zero - self.zero

    def _last_words(self) -> str:
        fault = self._last_exchange.fault if self._last_exchange else None
        return f"{fault.kind}: {fault.detail}" if fault else "the conversation failed"

    # the whole ----------------------------------------------------------------------------------------

    async def run(self) -> str:
        """Play the scenario once; record and return the outcome."""
        shard = self.shard
        outcome, reason = "completed", ""
        shard.talking += 1
        try:
            for number, step in enumerate(self.program.steps):
                await step.run(self, f"steps.{number}")
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
        finally:
            shard.talking -= 1
        self._tell(outcome, reason)
        return outcome

    def _tell(self, outcome: str, reason: str) -> None:
        shard, course, origin = self.shard, self.shard.course, self.shard.course.origin
        shard.record(
            Told(
                conversation=self.index,
                user=self.user.index,
                phase=self.program.phases.at(course.since(self.planned_ns)),
                planned_ns=self.planned_ns - origin,
                start_ns=self.start_ns + (course.zero - self.zero) - origin,
                done_ns=shard.clock() - origin,
                outcome=outcome,
                turns=self.turn,
                tokens_in=self.tokens_in,
                tokens_out=self.tokens_out,
                cost_pico=self._cost,
                reason=reason,
                checks_ok=self._ok,
                checks_bad=self._bad,
                slow=self._slow,
            )
        )
