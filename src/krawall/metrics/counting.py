"""What each kind of line adds to a cell. Attempts that went well, nearly all of a session, are counted in batches.

Hot path: comprehensions and sums over a batch cost half of what the same records cost one at a time.
"""

from __future__ import annotations

from collections import Counter

from krawall.metrics.cell import Cell
from krawall.model.exchange import Check, Dropped, Exchange, Told

STALL_US = 1_000_000


def count_batch(cell: Cell, lines: list[Exchange]) -> None:
    """Count attempts of one cell; the same numbers as `count_exchange` on each."""
    plain = []
    for line in lines:
        if line.fault is None and line.injected is None and line.repetition < 0:
            plain.append(line)
        else:
            count_exchange(cell, line)
    if plain:
        _count_plain(cell, plain)


def _count_plain(cell: Cell, lines: list[Exchange]) -> None:
    histograms = cell.histograms
    cell.first_ns = min(cell.first_ns, min([line.planned_ns for line in lines]))
    cell.last_ns = max(cell.last_ns, max([line.done_ns for line in lines]))
    final = sum([line.final for line in lines])
    cell.attempts += len(lines)
    cell.events += sum([line.events for line in lines])
    cell.turns += final
    cell.ok += final
    for status, count in Counter([line.status for line in lines]).items():
        if status is not None:
            cell.statuses[status] = cell.statuses.get(status, 0) + count
    histograms["send_lag"].record_many([(line.sent_ns - line.planned_ns - line.connect_ns) // 1000 for line in lines])
    if dialled := [line.connect_ns // 1000 for line in lines if line.connect_ns]:
        histograms["connect"].record_many(dialled)
    if bytes_ := [(line.byte_ns - line.sent_ns) // 1000 for line in lines if line.byte_ns]:
        histograms["first_byte"].record_many(bytes_)
    if events := [(line.event_ns - line.sent_ns) // 1000 for line in lines if line.event_ns]:
        histograms["first_event"].record_many(events)
    if seen := [(line.seen_ns - line.sent_ns) // 1000 for line in lines if line.seen_ns]:
        buckets = histograms["ttft"].record_many(seen)
        tokens = [(line.token_ns - line.sent_ns) // 1000 for line in lines if line.token_ns]
        histograms["ttft_any"].record_many(tokens, buckets if tokens == seen else None)
    elif tokens := [(line.token_ns - line.sent_ns) // 1000 for line in lines if line.token_ns]:
        histograms["ttft_any"].record_many(tokens)
    histograms["latency"].record_many([((line.last_ns or line.done_ns) - line.sent_ns) // 1000 for line in lines])
    histograms["latency_intended"].record_many(
        [((line.last_ns or line.done_ns) - line.planned_ns) // 1000 for line in lines]
    )
    _count_usages(cell, lines)
    for line in lines:
        if line.gaps_us:
            _record_gaps(cell, line.gaps_us)
            _record_tpot(cell, line)
        if line.checks:
            count_checks(cell, line.checks)


def _count_usages(cell: Cell, lines: list[Exchange]) -> None:
    usages = [line.usage for line in lines if line.usage is not None]
    if not usages:
        return
    histograms = cell.histograms
    tokens_in = [usage.tokens_in for usage in usages]
    tokens_out = [usage.tokens_out for usage in usages]
    costs = [usage.cost_pico for usage in usages]
    cell.tokens_in += sum(tokens_in)
    cell.tokens_out += sum(tokens_out)
    cell.cached += sum([usage.cached for usage in usages])
    cell.reasoning += sum([usage.reasoning for usage in usages])
    cell.cost_pico += sum(costs)
    cell.estimated += sum([usage.tokens_in + usage.tokens_out for usage in usages if usage.estimated])
    histograms["tokens.input"].record_many(tokens_in)
    histograms["tokens.output"].record_many(tokens_out)
    histograms["cost"].record_many([cost // 1000 for cost in costs])
    ratios = [usage.tokens_out * 1_000_000 // usage.tokens_in for usage in usages if usage.tokens_in > 0]
    if ratios:
        histograms["amplification"].record_many(ratios)


def count_exchange(cell: Cell, line: Exchange) -> None:
    """Count one attempt of any kind."""
    fault = line.fault
    injected = line.injected
    if line.planned_ns < cell.first_ns:
        cell.first_ns = line.planned_ns
    if line.done_ns > cell.last_ns:
        cell.last_ns = line.done_ns
    cell.attempts += 1
    cell.events += line.events
    if line.final:
        cell.turns += 1
    if fault is None:
        if line.final:
            cell.ok += 1
        if injected is None:
            _record_reply(cell, line)
    else:
        _count_fault(cell, line)
    if injected is not None:
        cell.injected[injected] = cell.injected.get(injected, 0) + 1
    status = line.status
    if status is not None and (fault is None or not fault.injected):
        cell.statuses[status] = cell.statuses.get(status, 0) + 1
    if line.usage is not None:
        _count_usage(cell, line)
    if line.repetition >= 0 and injected is None:
        cell.histograms["repetition"].record(round(line.repetition * 1e6))
    if line.checks:
        count_checks(cell, line.checks)


def _count_fault(cell: Cell, line: Exchange) -> None:
    fault = line.fault
    assert fault is not None
    kind = fault.kind.value
    if fault.injected:
        if line.injected is None:  # marked as ours on the fault alone
            cell.injected[kind] = cell.injected.get(kind, 0) + 1
        return
    cell.errors[kind] = cell.errors.get(kind, 0) + 1
    if line.final:
        cell.failed[kind] = cell.failed.get(kind, 0) + 1
    if line.sent_ns and line.injected is None:
        _record_sending(cell, line)


def _record_sending(cell: Cell, line: Exchange) -> None:
    # The time of dialling is the target's (or the network's), not our lateness.
    cell.histograms["send_lag"].record((line.sent_ns - line.planned_ns - line.connect_ns) // 1000)
    if line.connect_ns:
        cell.histograms["connect"].record(line.connect_ns // 1000)


def _record_reply(cell: Cell, line: Exchange) -> None:
    """Record the times of a reply without a fault, microseconds."""
    _record_sending(cell, line)
    histograms = cell.histograms
    sent = line.sent_ns
    token = line.token_ns
    if line.byte_ns:
        histograms["first_byte"].record((line.byte_ns - sent) // 1000)
    if line.event_ns:
        histograms["first_event"].record((line.event_ns - sent) // 1000)
    if line.seen_ns:
        histograms["ttft"].record((line.seen_ns - sent) // 1000)
    if token:
        histograms["ttft_any"].record((token - sent) // 1000)
    last = line.last_ns or line.done_ns
    histograms["latency"].record((last - sent) // 1000)
    histograms["latency_intended"].record((last - line.planned_ns) // 1000)
    if line.gaps_us:
        _record_gaps(cell, line.gaps_us)
    _record_tpot(cell, line)


def _record_tpot(cell: Cell, line: Exchange) -> None:
    usage, token = line.usage, line.token_ns
    if usage is not None and token and line.events > 1 and usage.tokens_out > 0:
        # The first event may bring several tokens: it is taken to bring its share. With one token an event this is
        # (last - first) / (tokens - 1).
        tokens_after = usage.tokens_out * (line.events - 1)
        cell.histograms["tpot"].record(((line.last_ns or line.done_ns) - token) * line.events // tokens_after)


def _record_gaps(cell: Cell, gaps: list[int]) -> None:
    cell.histograms["itl"].record_many(gaps)
    longest = max(gaps)
    cell.histograms["itl_max"].record(longest)
    if longest > STALL_US:  # only then is the median worth a sort
        ordered = sorted(gaps)
        half = len(gaps) // 2
        median_twice = ordered[half] + ordered[~half]
        limit = max(STALL_US, 4 * median_twice)
        cell.stalls += sum(1 for gap in gaps if gap > limit)


def _count_usage(cell: Cell, line: Exchange) -> None:
    usage = line.usage
    assert usage is not None
    tokens_in, tokens_out, cost = usage.tokens_in, usage.tokens_out, usage.cost_pico
    cell.tokens_in += tokens_in
    cell.tokens_out += tokens_out
    cell.cached += usage.cached
    cell.reasoning += usage.reasoning
    cell.cost_pico += cost
    if usage.estimated:
        cell.estimated += tokens_in + tokens_out
    if line.injected is None:
        histograms = cell.histograms
        histograms["tokens.input"].record(tokens_in)
        histograms["tokens.output"].record(tokens_out)
        histograms["cost"].record(cost // 1000)
        if tokens_in > 0 and line.fault is None:
            histograms["amplification"].record(tokens_out * 1_000_000 // tokens_in)


def count_checks(cell: Cell, checks: list[Check]) -> None:
    """Count the results of checks."""
    for check in checks:
        counts = cell.checks_ok if check.ok else cell.checks_bad
        counts[check.name] = counts.get(check.name, 0) + 1


def count_conversation(cell: Cell, line: Told) -> None:
    """Count a conversation that is over."""
    cell.first_ns = min(cell.first_ns, line.planned_ns)
    cell.last_ns = max(cell.last_ns, line.done_ns)
    outcome = line.outcome
    cell.outcomes[outcome] = cell.outcomes.get(outcome, 0) + 1
    if outcome == "completed" and not line.checks_bad and not line.slow:
        cell.good += 1
    if outcome in ("capped", "abandoned"):  # cut short by us: its length and cost say nothing of the scenario
        return
    histograms = cell.histograms
    if outcome != "failed":  # a failure is often quick, and would flatter
        histograms["conversation_time"].record((line.done_ns - line.start_ns) // 1000)
    histograms["turns"].record(line.turns)
    histograms["cost_per_conversation"].record(line.cost_pico // 1000)
    histograms["tokens_per_conversation"].record(line.tokens_in + line.tokens_out)


def count_dropped(cell: Cell, line: Dropped) -> None:
    """Count an arrival without a free user."""
    cell.dropped += 1
    cell.first_ns = min(cell.first_ns, line.planned_ns)
    cell.last_ns = max(cell.last_ns, line.planned_ns)
