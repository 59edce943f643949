"""The live view's picture of a running session, from what the conductor knows."""

from __future__ import annotations

from krawall.conduct.conductor import Conductor
from krawall.conduct.validity import LOOP_LAG_P99_MS
from krawall.load.pacing import Phases
from krawall.metrics.summary import numbers
from krawall.metrics.tally import Tally
from krawall.model.base import NS_PER_S, PICO_PER_USD
from krawall.model.summary import Conversations, Numbers, Picture, Tokens
from krawall.services.directory import Manifest

RECENT_S = 10


def picture(conductor: Conductor, manifest: Manifest) -> Picture:
    """Return the picture."""
    tally, recent = conductor.latest, conductor.recent(RECENT_S)
    cell = tally.view()
    plan = conductor.plan
    elapsed, timeline = max(0, conductor.elapsed_ns), max(0, conductor.timeline_ns)
    length, adjusted = plan.load.length_ns, conductor.adjusted
    outcomes = cell.outcomes
    told = sum(outcomes.values())
    share = _share(timeline, length, told, manifest.planned)
    seconds = min(RECENT_S, max(1.0, elapsed / NS_PER_S))
    return Picture(
        name=manifest.name,
        target=manifest.target,
        state=conductor.state,
        phase=Phases(plan.load).at(timeline),
        elapsed_s=elapsed / NS_PER_S,
        length_s=length / NS_PER_S if length is not None else None,
        left_s=_left(timeline, length, share),
        progress=share,
        users=conductor.users,
        in_flight=conductor.in_flight,
        conversations=Conversations(
            manifest.planned, told, outcomes.get("completed", 0), outcomes.get("failed", 0), outcomes.get("ended", 0),
            outcomes.get("capped", 0), outcomes.get("abandoned", 0), cell.dropped,
        ),
        turns=cell.turns,
        turns_per_s=recent.view().turns / seconds,
        errors=dict(sorted(cell.errors.items())),
        metrics=_shown(tally),
        recent=_shown(recent),
        tokens=Tokens(cell.tokens_in, cell.tokens_out, cell.cached, cell.reasoning, cell.estimated),
        cost_usd=cell.cost_pico / PICO_PER_USD,
        cost_cap_usd=plan.scenario.budget.cost / PICO_PER_USD,
        warning=_warning(conductor),
        paused=conductor.paused,
        wanted_users=adjusted.users if adjusted else None,
        wanted_rate=adjusted.rate if adjusted else None,
    )  # fmt: skip


def _shown(tally: Tally) -> dict[str, Numbers]:
    return {
        name: numbers(histogram, name) for name in ("ttft", "latency") if (histogram := tally.histogram(name)).count
    }


def _share(elapsed: int, length: int | None, told: int, planned: int | None) -> float | None:
    by_time = elapsed / length if length else None
    by_count = told / planned if planned else None
    shares = [share for share in (by_time, by_count) if share is not None]
    return min(1.0, max(shares)) if shares else None


def _left(elapsed: int, length: int | None, share: float | None) -> float | None:
    if length is not None:
        return max(0.0, (length - elapsed) / NS_PER_S)
    return elapsed / NS_PER_S * (1 - share) / share if share else None


def _warning(conductor: Conductor) -> str:
    lag = conductor.lag("loop_lag")
    if lag.count >= 50 and lag.quantile(0.99) / 1e3 > LOOP_LAG_P99_MS:
        return f"the generator is late ({lag.quantile(0.99) / 1e3:.0f} ms at p99): its core is too busy"
    return ""
