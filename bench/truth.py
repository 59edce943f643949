"""Are the figures true? First-token times and gaps against mockchat's own, a freeze against arithmetic, counts against the bot's."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator
from functools import partial
from typing import Any

from krawall.mockbot.bot import Ask, answer
from krawall.mockbot.personas import Message
from krawall.mockbot.spread import count
from krawall.model.exchange import Exchange
from krawall.services.directory import SessionDirectory
from queueing import queueing
from servers import Bot, bot, chat
from sessions import Played, doubt, played, scenario, trouble
from table import Table

STREAMS = 256
FREEZE_S = 6.0


def truth(table: Table, short: bool) -> None:
    """Measure all of it."""
    table.attempt("truth", lambda: streams(table, short))
    with bot() as server:
        for part in (freeze, queueing, counts):
            table.attempt("truth", partial(part, table, server, short))


def streams(table: Table, short: bool) -> None:
    """256 streams at once on one core: first token after 50 ms, 64 tokens 10 ms apart."""
    seconds, rounds = (4, 1) if short else (8, 3)
    stages = [{"over": "1s", "to": STREAMS}, {"over": f"{seconds - 1}s", "to": STREAMS}]
    found: list[dict[str, float]] = []
    doubts = ""
    with chat() as server:
        for _ in range(rounds):
            server.reset()
            wanted = scenario(server.url, {"users": stages}, {"message": "Tell me about {{ turn }}."}, stream=True)
            with played(table, [server.pid], wanted, seconds + 60) as session:
                found.append(_timing(session, server.stats()))
                doubts = doubts or doubt(session.summary)
    table.raw["streams"] = found
    middle = {name: statistics.median(one[name] for one in found) for name in found[0]}
    seen = f"ours {middle['ttft']:.2f}, the server's {middle['server ttft']:.2f} ms{doubts}"
    table.add(
        "truth", f"{STREAMS} streams: ttft p50, ours less the server's", middle["ttft off"], "ms", most=1, note=seen
    )
    seen = f"ours {middle['itl']:.2f}, the server's {middle['server gap']:.2f} ms"
    table.add(
        "truth", f"{STREAMS} streams: itl p99, ours less the server's", middle["itl off"], "ms", most=5, note=seen
    )


def _timing(session: Played, stats: dict[str, Any]) -> dict[str, float]:
    """Return p50 of ttft and p99 of itl, ours and the server's, ms. Raises RuntimeError when streams went wrong."""
    summary = session.summary
    if summary["errors"] or summary["turns"] != stats["streams"]:
        raise RuntimeError(f"{summary['turns']} turns, {stats['streams']} streams: {trouble(summary)}")
    ttft, itl = summary["metrics"]["ttft"]["p50"], summary["metrics"]["itl"]["p99"]
    server_ttft, server_gap = stats["ttft_us"]["p50"] / 1e3, stats["gap_us"]["p99"] / 1e3
    return {
        "ttft": ttft, "server ttft": server_ttft, "ttft off": ttft - server_ttft,
        "itl": itl, "server gap": server_gap, "itl off": itl - server_gap,
    }  # fmt: skip


def freeze(table: Table, server: Bot, short: bool) -> None:
    """The bot freezes for 6 s under arrivals at a constant rate: latency from the intended moment must show all of it."""
    rate, seconds, base_s = 50, 12 if short else 30, 0.02
    at_s = 4.0 if short else 11.0
    epoch = server.behave(latency="20ms", oracle=True, freeze={"at_s": at_s, "for_s": FREEZE_S})
    load = {"rate": rate, "duration": f"{seconds}s", "max users": 2000}
    with played(table, [server.pid], scenario(server.url, load, {"message": "Hello."}), seconds + 60) as session:
        if wrong := trouble(session.summary):
            raise RuntimeError(f"freeze: {wrong}")
        records = server.oracle()
    # When the session began, by the server: the k-th request of a constant rate is due k / rate after the first.
    origin_s = min(record["received_ns"] / 1e9 - at / rate for at, record in enumerate(records[:100]))
    frozen_s = epoch / 1e9 + at_s - origin_s
    theory = sorted(waits(rate * seconds, rate, base_s, frozen_s, frozen_s + FREEZE_S))
    expected = theory[math.ceil(0.99 * len(theory)) - 1] * 1e3
    measured = session.summary["metrics"]["latency_intended"]["p99"]
    note = f"measured {measured:,.0f}, theory {expected:,.0f} ms; {len(theory)} arrivals{doubt(session.summary)}"
    table.raw["freeze"] = {"measured": measured, "theory": expected, "frozen at": frozen_s, "requests": len(records)}
    table.add(
        "truth", "6 s freeze: latency_intended p99 off theory", (measured / expected - 1) * 100, "%", most=2, note=note
    )


def waits(arrivals: int, rate: float, base_s: float, frozen_s: float, thawed_s: float) -> Iterator[float]:
    """Yield how long each arrival waits, s: its reply is due after `base_s`, and leaves at the thaw when that is within the freeze."""
    for number in range(arrivals):
        at = number / rate
        due = at + base_s
        yield (thawed_s if frozen_s <= due < thawed_s else due) - at


def counts(table: Table, server: Bot, short: bool) -> None:
    """Streams cut at random places or sent several events at once, usage in all places: texts, tokens and events must be exact."""
    each = 200 if short else 1667
    wrong: list[str] = []
    total = 0
    for split in ("random", "coalesce"):
        for usage in ("none", "end", "every"):
            server.behave(split=split, usage=usage, tokens="1..40", first_token="2ms", gap="1ms", seed=7)
            request = {} if usage == "end" else {"stream_options": None}
            wanted = scenario(
                server.url, {"users": 50, "conversations": each}, {"message": "Stream {{ conversation }}, please."},
                stream=True, target={"request": request},
            )  # fmt: skip
            with played(table, [server.pid], wanted, 180) as session:
                said = SessionDirectory.existing(session.directory)
                lines = [line for line in said.lines(said.segments()) if isinstance(line, Exchange)]
                bad = [problem for line in lines if (problem := _wrong(line, usage))]
                bad += _totals(lines, session.summary, server.stats(), each)
            wrong += [f"split {split}, usage {usage}: {problem}" for problem in bad]
            total += len(lines)
    table.raw["counts"] = {"streams": total, "wrong": wrong[:20]}
    note = wrong[0] if wrong else "events, text, usage of each against the bot's own"
    table.add("truth", f"{total:,} streams cut anyhow: wrong counts", len(wrong), "", most=0, note=note)


def _wrong(line: Exchange, usage: str) -> str:
    """Return what is wrong with a stream, or nothing; the bot's answer is known from what was asked."""
    known = answer(Ask([Message("user", line.said)]), "default", 7, count("1..40"))
    tokens, used = len(known.pieces), line.usage
    if line.heard != known.text:
        return f"text {line.heard[:40]!r}, not {known.text[:40]!r}"
    if line.events != tokens or len(line.gaps_us) != tokens - 1:
        return f"{line.events} events and {len(line.gaps_us)} gaps, not {tokens}"
    if used is None or used.estimated != (usage == "none"):
        return "usage reported and not noticed, or the other way round"
    if usage != "none" and (used.tokens_in, used.tokens_out) != (known.prompt_tokens, tokens):
        return f"{used.tokens_in} + {used.tokens_out} tokens, not {known.prompt_tokens} + {tokens}"
    return ""


def _totals(lines: list[Exchange], summary: dict[str, Any], stats: dict[str, Any], wanted: int) -> list[str]:
    """Compare the sums: the log's, the summary's, the bot's."""
    events = sum(line.events for line in lines)
    pairs = {
        "streams logged": (len(lines), wanted),
        "turns summed up": (summary["turns"], wanted),
        "streams by the bot": (stats["streams"], wanted),
        "tokens by the bot": (stats["tokens_out"], events),
        "errors": (sum(summary["errors"].values()), 0),
    }
    return [f"{name}: {found}, not {right}" for name, (found, right) in pairs.items() if found != right]
