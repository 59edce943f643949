"""The connection test: one message through the real connector with the real credentials, told step by step.

    resolve      the host's addresses, and what the guard rails say of them
    connect      a TCP connection of our own, on which nothing is said
    tls          the handshake on it
    sign in      what the target's hooks do before a message; only where it has some
    send         the connector dials and sends the message: the only one, whatever happens
    first token  something of the answer is there
    reply        all of it is, and could be read

What fails leaves the rest skipped, and an outcome ends it all. Nothing is retried.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack
from typing import Literal

from krawall.clock import monotonic_ns
from krawall.engine.gate import Hiding, Pinned
from krawall.engine.mark import Stamps
from krawall.engine.program import connector_of
from krawall.errors import KrawallError
from krawall.guard.hosts import TARGET_SCHEMES, Site, parse_url
from krawall.ids import new_id
from krawall.load.spend import cost_pico, rates_of
from krawall.model.base import PICO_PER_USD, Record
from krawall.model.connector import Line
from krawall.model.exchange import Fault, FaultKind, Message, Prompt, Reply, TargetFault, Usage
from krawall.model.hook import Hooked, Surroundings
from krawall.model.plan import Plan
from krawall.model.target import Target
from krawall.net.dial import tls_context
from krawall.net.fetch import Fetcher
from krawall.services.granting import resolve_host
from krawall.services.hints import hint_for
from krawall.services.overheard import Overheard
from krawall.services.reaching import reach, shake_hands
from krawall.services.suggesting import Suggestion, suggest
from krawall.services.trials import Trial
from krawall.wire.redact import Redactor

LOG = logging.getLogger("krawall.probing")
MOST_S = 60.0  # the message and its reply
_MS = 1_000_000
_SIGN_IN = "the message was not sent: check the addresses and credentials of the target's auth and hooks"
_BROKEN = "this is an error of the connector: the log has all of it"

StepName = Literal["resolve", "connect", "tls", "sign in", "send", "first token", "reply"]
State = Literal["ok", "failed", "skipped"]


class Step(Record, frozen=True):
    """One step of the test, over. `ms`: how long it took; `hint`: what to do when it failed."""

    name: StepName
    state: State
    ms: float = 0.0
    detail: str = ""
    hint: str = ""


class Outcome(Record, frozen=True):
    """What came of it. `text`, `finish`, `conversation_id` and `usage` as the target's mapping reads them.

    `ttft_ms`: send to the first token that a person can read; `latency_ms`: send to the end; null: it did not come to that.
    `cost_usd` is null without usage or prices. `raw_sent` and `raw_received` hold the first 64 KB without secrets.
    """

    ok: bool
    text: str = ""
    usage: Usage | None = None
    cost_usd: float | None = None
    finish: str | None = None
    status: int | None = None
    conversation_id: str | None = None
    ttft_ms: float | None = None
    latency_ms: float | None = None
    raw_sent: str = ""
    raw_received: str = ""
    suggestions: list[Suggestion] = []
    fault: Fault | None = None


Told = Step | Outcome


def steps_of(trial: Trial) -> list[StepName]:
    """Return the steps that a test has, in order."""
    steps: list[StepName] = ["resolve", "connect", "tls", "send", "first token", "reply"]
    if trial.hooks:
        steps.insert(3, "sign in")
    return steps


async def probe(trial: Trial, most_s: float = MOST_S) -> AsyncGenerator[Told, None]:
    """Yield the steps as they end, then the outcome. Closing the iterator cancels what is under way."""
    told: asyncio.Queue[Told | None] = asyncio.Queue()
    test = _Test(trial, told.put_nowait)
    playing = asyncio.ensure_future(test.run(most_s))
    playing.add_done_callback(lambda _: told.put_nowait(None))
    try:
        while (each := await told.get()) is not None:
            yield each
        if isinstance(error := playing.exception(), Exception):
            test.broke(error)
            while (each := told.get_nowait()) is not None:
                yield each
    finally:
        playing.cancel()
        await asyncio.wait([playing])


class _Watched(Stamps):
    """Stamps that say at once that the message is out, and that something of the answer is there."""

    __slots__ = ("_test",)

    def __init__(self, test: _Test) -> None:
        super().__init__(monotonic_ns)
        self._test = test

    def sent(self) -> None:
        """The request goes out now."""
        first = not self.sent_ns
        super().sent()
        if first:
            self._test.was_sent()

    def token(self, text: str, at_ns: int, visible: bool = True) -> None:
        """A content event arrived."""
        first = not self.token_ns
        super().token(text, at_ns, visible)
        if first:
            self._test.had_token()


class _Failed(Exception):
    """A step failed; the rest is not tried."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.detail)
        self.fault = fault


class _Test:
    """One test under way. Everything that is told goes through `tell`, in order."""

    def __init__(self, trial: Trial, tell: Callable[[Told | None], None]) -> None:
        self._trial = trial
        self._tell = tell
        self._began = monotonic_ns()
        self._left = steps_of(trial)
        self._kept = Overheard()
        self._mark = _Watched(self)
        self._redact = Redactor(trial.values)

    # steps ------------------------------------------------------------------------------------------------

    def _step(self, name: StepName, state: State, ms: float = 0.0, detail: str = "", hint: str = "") -> None:
        if name in self._left:
            self._left.remove(name)
            self._tell(Step(name, state, round(ms, 3), self._redact(detail), self._redact(hint)))

    def _ok(self, name: StepName, ns: int, detail: str = "") -> None:
        self._step(name, "ok", ns / _MS, detail)

    def _fails(self, name: StepName, since_ns: int, fault: Fault, hint: str = "") -> _Failed:
        hint = hint or hint_for(fault, self._trial.target)
        self._step(name, "failed", (monotonic_ns() - since_ns) / _MS, fault.detail, hint)
        return _Failed(fault)

    # the test ---------------------------------------------------------------------------------------------

    async def run(self, most_s: float) -> None:
        """Do it all and tell the outcome."""
        reply: Reply | None = None
        failed: _Failed | None = None
        try:
            plan = await self._resolve()
            await self._reach(plan)
            reply = await self._talk(plan, most_s)
        except _Failed as error:
            failed = error
        self._end(reply, failed.fault if failed else None)

    def broke(self, error: Exception) -> None:
        """End a test in which a connector, perhaps one that somebody else wrote, did what no connector may do."""
        LOG.error("the connector %s failed", self._trial.target.connector, exc_info=error)
        fault = self._fault(Fault(FaultKind.protocol, f"internal: {type(error).__name__}: {error}"), _BROKEN).fault
        self._end(None, fault)
        self._tell(None)

    def _end(self, reply: Reply | None, fault: Fault | None) -> None:
        for name in list(self._left):
            self._step(name, "skipped")
        self._tell(self._outcome(reply, fault))

    async def _resolve(self) -> Plan:
        trial = self._trial
        if trial.plan is None:
            assert trial.trouble is not None
            raise self._unresolved(trial.trouble)
        granted, url = trial.plan.granted, trial.plan.target.url
        if not url:
            self._step("resolve", "skipped", 0.0, "needs no network")
            return trial.plan
        began = monotonic_ns()
        try:
            site = self._site(trial.plan.target)
            if not site.literal:  # the plan's addresses count; this is only how long it takes to ask for them
                await asyncio.to_thread(resolve_host, site)
        except KrawallError as error:
            raise self._unresolved(error) from None
        took_ns = 0 if site.literal else monotonic_ns() - began
        tier = granted.tier.replace("_", ", ")
        self._ok("resolve", took_ns, f"{granted.host} is {', '.join(granted.addresses)} ({tier})")
        return trial.plan

    def _unresolved(self, error: KrawallError) -> _Failed:
        self._step("resolve", "failed", 0.0, error.message, error.hint or "")
        return _Failed(Fault(FaultKind.connect, error.message))

    async def _reach(self, plan: Plan) -> None:
        """Connect and shake hands on a connection of our own."""
        if not plan.target.url:
            return
        timeouts = plan.scenario.timeouts
        began = monotonic_ns()
        try:
            site = self._site(plan.target)
            target = plan.target
            context = tls_context(site, target.ca_file, target.tls, self._trial.secrets.resolve)
            if context is not None and site.scheme == "grpcs":
                context.set_alpn_protocols(["h2"])
            reached = await reach(site, plan.granted.addresses, timeouts.connect)
        except TargetFault as error:
            raise self._fails("connect", began, error.fault) from None
        except KrawallError as error:
            raise self._fails("connect", began, Fault(FaultKind.connect, error.message), error.hint or "") from None
        try:
            self._ok("connect", reached.took_ns, f"{reached.address} port {site.port}")
            if context is None:
                self._step("tls", "skipped", 0.0, f"{site.scheme} is not encrypted")
                return
            began = monotonic_ns()
            try:
                agreed = await shake_hands(reached, site, context, timeouts.connect)
            except TargetFault as error:
                raise self._fails("tls", began, error.fault) from None
            self._ok("tls", monotonic_ns() - began, agreed)
        finally:
            reached.hang_up()

    def _site(self, target: Target) -> Site:
        return parse_url(self._trial.secrets.resolve(target.url), TARGET_SCHEMES)

    async def _talk(self, plan: Plan, most_s: float) -> Reply:
        """Send the message through the connector and wait for the reply."""
        self._began = monotonic_ns()
        try:
            async with asyncio.timeout(most_s):
                reply = await self._exchange(plan)
        except TargetFault as error:
            raise self._fault(error.fault) from None
        except TimeoutError:
            raise self._fault(Fault(FaultKind.timeout, f"no reply within {most_s:g} s")) from None
        except KrawallError as error:
            raise self._fault(Fault(FaultKind.connect, error.message), error.hint or "") from None
        self._ok("reply", monotonic_ns() - (self._mark.sent_ns or self._began), _counted(reply))
        return reply

    async def _exchange(self, plan: Plan) -> Reply:
        target, secrets, session = plan.target, self._trial.secrets, new_id("tst")
        gate, timeouts = Pinned(plan.granted), plan.scenario.timeouts
        connector = connector_of(target.connector or "http", target.options)
        fetch = Fetcher(target, secrets, gate, session)
        around = Surroundings(target, secrets, session, "", monotonic_ns, fetch, self._redact.add)
        trouble: TargetFault | KrawallError | _Failed
        async with AsyncExitStack() as stack:
            hooks = [await stack.enter_async_context(hook.open(around)) for hook in self._trial.hooks]
            try:
                async with connector.open(target, Hiding(secrets, self._redact), gate, session, timeouts) as line:
                    return await self._ask(line, hooks)
            except (TargetFault, KrawallError, _Failed) as error:
                trouble = error  # raised outside: a hook's group of tasks would wrap it
        raise trouble

    async def _ask(self, line: Line, hooks: Sequence[Hooked]) -> Reply:
        """Send the message; a hook that has mended what made it fail does not get another."""
        prompt = await self._sign_in(Prompt([Message("user", self._trial.message)], self._trial.message), hooks)
        channel = line.channel()
        channel.listen(self._kept.hear)
        try:
            reply = await channel.exchange(prompt, self._mark)
        finally:
            await channel.close()
        for hook in reversed(hooks):
            reply = await hook.after_receive(prompt, reply)
        return reply

    async def _sign_in(self, prompt: Prompt, hooks: Sequence[Hooked]) -> Prompt:
        began = monotonic_ns()
        try:
            for hook in hooks:
                prompt = await hook.before_send(prompt)
        except TargetFault as error:
            raise self._fails("sign in", began, error.fault, _SIGN_IN) from None
        self._ok("sign in", monotonic_ns() - began)
        self._began = monotonic_ns()
        return prompt

    def was_sent(self) -> None:
        """The connector has sent the message."""
        self._ok("send", self._mark.sent_ns - self._began, f"{self._kept.size['sent']:,} bytes")

    def had_token(self) -> None:
        """Something of the answer is there."""
        self._ok("first token", self._mark.token_ns - (self._mark.sent_ns or self._began))

    def _fault(self, fault: Fault, hint: str = "") -> _Failed:
        """Tell which step it was that failed."""
        mark = self._mark
        if not mark.sent_ns:
            return self._fails("send", self._began, fault, hint)
        if not mark.token_ns and not mark.byte_ns and not self._kept.size["received"]:
            return self._fails("first token", mark.sent_ns, fault, hint)
        if not mark.token_ns:
            self._step("first token", "skipped", 0.0, "nothing of the answer could be read")
        return self._fails("reply", mark.sent_ns, fault, hint or self._way_out(fault))

    def _way_out(self, fault: Fault) -> str:
        """Return which path would find the answer, when that is what went wrong."""
        found = self._suggestions(fault) if fault.kind is FaultKind.protocol else []
        path = next((each.path for each in found if each.part == "text"), "")
        return f"the answer seems to stand at {path}: set it as reply.text" if path else ""

    # the outcome ------------------------------------------------------------------------------------------

    def _suggestions(self, fault: Fault | None) -> list[Suggestion]:
        received = self._kept.messages("received", self._redact)
        return suggest(
            [message.encode() for message in received],
            self._trial.message,
            fault is not None and (fault.status or 0) >= 400,
            self._redact,
        )

    def _outcome(self, reply: Reply | None, fault: Fault | None) -> Outcome:
        mark = self._mark
        usage = reply.usage if reply is not None else None
        prices = self._trial.target.prices
        return Outcome(
            ok=reply is not None,
            text=self._redact(reply.text if reply is not None else "".join(mark.text)),
            usage=usage,
            cost_usd=None if usage is None or prices is None else cost_pico(usage, rates_of(prices)) / PICO_PER_USD,
            finish=reply.finish if reply is not None else None,
            status=reply.status if reply is not None else fault.status if fault is not None else None,
            conversation_id=self._redact(reply.conversation_id)
            if reply is not None and reply.conversation_id
            else None,
            ttft_ms=_ms(mark.sent_ns, mark.seen_ns),
            latency_ms=_ms(mark.sent_ns, mark.last_ns) if reply is not None else None,
            raw_sent=self._kept.text("sent", self._redact),
            raw_received=self._kept.text("received", self._redact),
            suggestions=self._suggestions(fault),
            fault=None if fault is None else Fault(fault.kind, self._redact(fault.detail), fault.status),
        )


def _ms(sent_ns: int, at_ns: int) -> float | None:
    return round((at_ns - sent_ns) / _MS, 3) if sent_ns and at_ns else None


def _counted(reply: Reply) -> str:
    words = f"{len(reply.text):,} letters"
    if reply.usage is None:
        return f"{words}; no usage is reported, so tokens will be estimated"
    return f"{words}, {reply.usage.tokens_in:,} tokens in, {reply.usage.tokens_out:,} out"
