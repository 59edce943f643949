"""What stands in an installation that people look at: targets, scenarios and sessions in every state. The same every time.

For pictures, for tests of every page and for measurements. Nobody plays these sessions; ages are counted from now.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec.structs import replace

from krawall.app import App
from krawall.clock import wall_ns
from krawall.model.event import BudgetReached, SessionCompleted, SessionStarted, TargetTested, ThresholdBreached
from krawall.model.exchange import Check, Fault, FaultKind, Line, Told
from krawall.model.kept import DocumentKind, Kept
from krawall.model.plan import Plan
from krawall.model.session import Outcome, State, Verdict
from krawall.model.summary import (
    Conversations,
    Generator,
    Judged,
    Numbers,
    Part,
    Picture,
    Point,
    Rates,
    Summary,
    Tokens,
)  # fmt: skip
from krawall.testing.logs import S, an_exchange, write_session
from krawall.testing.playing import plan_of
from krawall.testing.served import a_session

NOBODY = "local"
"""Who is there where no account is needed: the draft is theirs."""
MINUTE_NS = 60 * S
BOT = "http://127.0.0.1:9/v1/chat/completions"
SAID = (
    ("Hello, my parcel has not arrived.", "I am sorry to hear that. What is the number of your order?"),
    ("It is 4711, ordered on Monday.", "I have found it: it waits in the depot of Kassel since Tuesday because the house number was missing on the label."),
    ("Can you correct the label?", "It will be with you tomorrow between 9 and 12."),
    ("And if I am not there?", "It will be with you tomorrow between 9 and 12."),
    ("Please leave it with the neighbour.", "<b>Yes</b>, I have noted it.\n\n- neighbour: Lind, second floor\n- no signature\n\nAnything else?"),
)  # fmt: skip


@dataclass(frozen=True)
class Shown:
    """Where things are: ids of documents and sessions by a word for what they are."""

    targets: dict[str, str]
    scenarios: dict[str, str]
    sessions: dict[str, str]


EMPTY = {
    "dashboard": "/", "targets": "/targets", "target-new": "/targets/new", "target-new-mock": "/targets/new?preset=mock",
    "scenarios": "/scenarios", "sessions": "/sessions", "session-new": "/sessions/new", "not-found": "/nothing",
}  # fmt: skip
"""Pages that show something before there is anything, by a word."""


def places(shown: Shown) -> dict[str, str]:
    """Return the address of every page, in every state that `fill` made, by a word."""
    target, scenario, session = (
        {word: f"/{kind}/{id}" for word, id in ids.items()}
        for kind, ids in (("targets", shown.targets), ("scenarios", shown.scenarios), ("sessions", shown.sessions))
    )
    passed = session["passed"]
    return {
        "dashboard": "/", "gallery": "/gallery", "not-found": "/nothing",
        "targets": "/targets", "targets-none-found": "/targets?q=zzz", "target-new": "/targets/new",
        "target": target["bot"], "target-revisions": f"{target['bot']}?tab=revisions", "target-edit": f"{target['bot']}/edit",
        "target-long-name": target["long"], "target-echo": target["echo"], "target-echo-edit": f"{target['echo']}/edit",
        "target-copy": f"{target['bot']}/duplicate",
        "scenarios": "/scenarios", "scenarios-none-found": "/scenarios?q=zzz", "scenarios-import": "/scenarios/import",
        "template": "/scenarios/templates/branching", "scenario": scenario["audit"], "scenario-branching": scenario["branching"],
        "scenario-settings": f"{scenario['audit']}?tab=settings", "scenario-yaml": f"{scenario['audit']}?tab=yaml",
        "scenario-duplicate": f"{scenario['audit']}/duplicate", "scenario-delete": f"{scenario['audit']}/delete",
        "scenario-preview": f"{scenario['audit']}?tab=preview", "scenario-revisions": f"{scenario['audit']}?tab=revisions",
        "scenario-draft": scenario["draft"], "scenario-draft-settings": f"{scenario['draft']}?tab=settings",
        "sessions": "/sessions", "sessions-none-found": "/sessions?q=zzz", "session-new": "/sessions/new",
        "session-queued": session["queued"], "session-running": session["running"], "session-passed": passed,
        "session-failed": session["failed"], "session-broken": session["broken"], "session-cancelled": session["cancelled"],
        "session-messages": f"{passed}?tab=messages", "session-conversations": f"{passed}?tab=conversations",
        "session-seconds": f"{passed}?tab=seconds", "session-plan": f"{passed}?tab=plan",
        "conversation": f"{passed}/conversations/1", "conversation-wrong": f"{passed}/conversations/4",
    }  # fmt: skip


async def fill(app: App) -> Shown:
    """Fill an empty installation."""
    targets = {word: kept.id for word, kept in (await _targets(app)).items()}
    scenarios = {word: kept.id for word, kept in (await _scenarios(app)).items()}
    scenarios["draft"] = (await app.drafts.open(None, NOBODY)).id
    sessions = {
        "queued": await _session(app, "Rush hour", 1, State.queued),
        "running": await _session(app, "Late parcel", 2, State.running, picture=a_picture()),
        "passed": await _session(app, "Shop audit", 55, verdict=Verdict.passed, summary=a_summary()),
        "failed": await _session(app, "Polite persistence", 180, verdict=Verdict.failed, summary=a_summary(late=True)),
        "broken": await _session(app, "Rapid fire against a name that is long enough to need a second line", 1500,
                                 outcome=Outcome.failed, reason="the target refused every connection"),
        "cancelled": await _session(app, "Context recall", 4000, outcome=Outcome.cancelled, reason="Stopped by ada"),
    }  # fmt: skip
    for number in range(50):
        await _session(app, f"Nightly {50 - number}", 1440 * (number + 3), verdict=Verdict.passed, target="Night desk")
    return Shown(targets, scenarios, sessions)


@functools.cache
def _plan() -> Plan:
    steps = "\n".join(f'  - message: "{said}"' for said, _ in SAID)
    return plan_of(f"""
name: Late parcel
target: {{connector: echo}}
steps:
{steps}
load: {{users: 5, duration: 60s}}
thresholds: ["p95(latency) < 2s", "rate(errors) < 5%"]
budget: {{cost: $2}}
""")


async def _targets(app: App) -> dict[str, Kept]:
    async def make(name: str, body: dict[str, Any]) -> Kept:
        return await app.documents.create(DocumentKind.target, body, "ada", name=name)

    made = {
        "bot": await make("Support bot", {"preset": "mock", "url": BOT, "stream": True}),
        "plain": await make("Night desk", {"preset": "mock", "url": BOT, "request": {"model": "small"}}),
        "long": await make("The assistant of the returns department, staging, second region", {"preset": "mock", "url": BOT}),
        "echo": await make("Echo", {"connector": "echo"}),
    }  # fmt: skip
    body = {"preset": "mock", "url": BOT, "stream": True, "description": "Answers questions about parcels."}
    made["bot"] = await app.documents.revise(DocumentKind.target, made["bot"].id, body, "bob", etag=None)
    for word, works, took in (("bot", True, 184.2), ("plain", False, 30_004.0), ("echo", True, 0.6)):
        fault = "" if works else "timeout"
        await app.store.events.append(TargetTested(made[word].id, made[word].name, works, took, fault), "ada")
    return made


async def _scenarios(app: App) -> dict[str, Kept]:
    made: dict[str, Kept] = {}
    for word, template in (("audit", "audit-support"), ("branching", "branching"), ("stress", "basic-stress")):
        body = app.scenarios.template(template).body
        made[word] = await app.documents.create(DocumentKind.scenario, body, "ada")
    body = {**made["audit"].body, "description": "Questions about a parcel that is late."}
    made["audit"] = await app.documents.revise(DocumentKind.scenario, made["audit"].id, body, "bob", etag=None)
    return made


async def _session(
    app: App,
    name: str,
    age_min: int,
    state: State = State.finished,
    *,
    outcome: Outcome = Outcome.completed,
    verdict: Verdict = Verdict.none,
    reason: str = "",
    target: str = "Support bot",
    picture: Picture | None = None,
    summary: Summary | None = None,
) -> str:
    now = wall_ns()
    made = a_session(name=name, scenario=name, target=target, created_ns=now - age_min * MINUTE_NS,
                     plan_hash=_plan().digest())  # fmt: skip
    sessions = app.store.sessions
    await sessions.create(made, _plan().to_json(), key=None)
    if state is State.queued:
        return made.id
    fence = await sessions.claim(made.id, "wrk_1")
    await sessions.write(made.id, fence, state=State.starting)
    begun = made.created_ns + 2 * S
    await sessions.write(made.id, fence, state=State.running, started_ns=begun, turns=812, errors=9 * bool(summary), p95_ms=431.0,
                         cost_pico=1_030_000_000_000, picture=msgspec.json.encode(picture) if picture else None)  # fmt: skip
    await app.store.events.append(SessionStarted(1), "worker wrk_1", session=made.id)
    if picture or summary:
        async with app.store.begin() as tx:
            for second in range(60):
                await app.store.ticks.add(made.id, second, msgspec.json.encode(a_point(second)), tx)
        write_session(app.archive.place(made.id), made.id, lines())
    if state is State.running:
        return made.id
    await sessions.write(
        made.id, fence, state=State.finished, outcome=outcome, verdict=verdict, reason=reason, exit_code=0,
        finished_ns=begun + 62 * S, conversations=40 if summary else 0,
        summary=msgspec.json.encode(replace(summary, session=made.id, name=name)) if summary else None,
    )  # fmt: skip
    if verdict is Verdict.failed:
        await app.store.events.append(ThresholdBreached("p95(latency) < 400ms", 431.0), "worker wrk_1", session=made.id)
        await app.store.events.append(BudgetReached("cost"), "worker wrk_1", session=made.id)
    await app.store.events.append(SessionCompleted(verdict.value, 0), "worker wrk_1", session=made.id)
    return made.id


def numbers(count: int, mid: float, unit: str = "ms") -> Numbers:
    """Return one metric whose median is `mid`."""

    def at(part: float) -> float:
        return round(mid * part, 1)

    return Numbers(count, at(0.4), at(1.1), at(1), at(1.3), at(1.8), at(2.1), at(3.4), at(4.2), at(5), unit)


def a_point(second: int) -> Point:
    """Return one second of a session: a wave, a spike at 30 s, some errors behind it."""
    mid = 180 + 40 * math.sin(second / 6) + (400 if 30 <= second < 33 else 0)
    few = 4 if 33 <= second < 37 else 0
    return Point(second + 1.0, min(5, second + 1), 20, few, mid, mid * 2.1, mid * 3.4, mid / 4, mid / 2, 900, 0.0006)


def a_picture() -> Picture:
    """Return a running session, two thirds done."""
    return Picture(
        name="Late parcel", target="Support bot", state="running", phase="measure", elapsed_s=60.4, length_s=90.0, left_s=29.6, progress=0.67,
        users=5, in_flight=3, conversations=Conversations(planned=60, started=41, completed=36, failed=2), turns=1198, turns_per_s=20.1,
        errors={"timeout": 12, "server": 4}, metrics={"latency": numbers(1198, 182), "ttft": numbers(1198, 46)},
        recent={"latency": numbers(200, 190), "ttft": numbers(200, 47)}, tokens=Tokens(41_000, 53_200, 1_200), cost_usd=0.0362, cost_cap_usd=0.05,
    )  # fmt: skip


def a_summary(late: bool = False) -> Summary:
    """Return the result of a session. `late`: it missed a threshold, and the generator could not keep up."""
    met = {"latency": numbers(812, 205), "ttft": numbers(812, 51)}
    steps = [Part(f"steps.{number}", 160, {"timeout": number} if number else {}, met) for number in range(5)]
    missed = Judged("p95(latency) < 400ms", 430.5, "fail", "p95(latency) is 430.5 ms, the limit is < 400 ms")
    held = Judged("p95(latency) < 2s", 430.5, "pass")
    return Summary(
        session="", plan_hash=_plan().digest(), seed=7, state="finished", outcome="completed", reason="", verdict="failed" if late else "passed",
        exit_code=10 if late else 0, conversations=Conversations(planned=40, started=40, completed=38, failed=2), turns=800, attempts=812,
        errors={"timeout": 7, "server": 2}, metrics=met, rates=Rates(13.1, 204.0, 0.6, 12.9), tokens=Tokens(41_000, 53_200, 1_200), cost_usd=1.03,
        thresholds=[missed if late else held, Judged("rate(errors) < 5%", 0.011, "pass"), Judged("p99(ttft) < 1s", None, "undecided", "too few samples")],
        generator=Generator(41.0, 63.0, 0.98, False, "the event loop was 41 ms late (p99)") if late else Generator(0.4, 0.7, 0.31),
        directory="", duration_s=62.0, steps=steps, turn_parts=[replace(part, name=str(at)) for at, part in enumerate(steps, 1)],
        checks={"is polite": [790, 10], "names the order": [640, 0]},
    )  # fmt: skip


def lines(conversations: int = 40) -> list[Line]:
    """Return conversations of five turns: some slow, some that repeat, some that fail and are asked again."""
    made: list[Line] = []
    for number in range(conversations):
        at, wrong = number * 10 * S, number % 9 == 4
        for turn, (said, heard) in enumerate(SAID, 1):
            if wrong and turn == 3:
                fault = Fault(FaultKind.rate_limited, "slow down", 429)
                made.append(
                    replace(an_exchange(number, turn, fault=fault), **_times(at, 200_000_000), said=said, heard="")
                )
                at += S
            took = (3 if turn == 2 and number % 4 == 1 else 0.4 + 0.01 * ((number * 7 + turn * 3) % 20)) * S
            found = replace(an_exchange(number, turn), **_times(at, int(took)), attempt=2 if wrong and turn == 3 else 1)
            checks = [Check("is polite", ok=not wrong, detail="no greeting" if wrong else "")] if turn == 5 else []
            made.append(replace(found, said=said, heard=heard, checks=checks))
            at += int(took) + S // 2
        end = "failed" if wrong else "completed"
        made.append(Told(number, 4, "measure", number * 10 * S, number * 10 * S, at, end, turns=len(SAID), tokens_in=50, tokens_out=100,
                         cost_pico=25_000_000_000, reason="the reply was not polite" if wrong else ""))  # fmt: skip
    return made


def _times(at: int, took: int) -> dict[str, int]:
    return {
        "planned_ns": at, "start_ns": at, "sent_ns": at, "done_ns": at + took, "seen_ns": at + took // 3, "last_ns": at + took,
    }  # fmt: skip
