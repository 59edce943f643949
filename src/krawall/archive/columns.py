"""How a line of the log becomes a row, and a row what people see. SQL texts; nothing in here is typed by a user.

Tables, in Parquet and in memory alike: `messages` (one row per Exchange) and `conversations` (one per Told), each numbered
by `n` from 0 in the order of `done_ns`; `texts`, what can be searched of message `n`; `checked` (one row per Checked).
Times are ns since the session began.
"""

from __future__ import annotations

# Rows of a Parquet row group, which is what is read to get at one row. Small groups make the footer slow to read, the more
# so the more columns there are: texts, most of the bytes, are in a file of few columns and small groups.
GROUP = 32768
TEXT_GROUP = 4096

_LINE = """{
    k: 'VARCHAR', conversation: 'BIGINT', "user": 'BIGINT', turn: 'INTEGER', attempt: 'INTEGER', phase: 'VARCHAR',
    step: 'VARCHAR', planned_ns: 'BIGINT', start_ns: 'BIGINT', sent_ns: 'BIGINT', done_ns: 'BIGINT', seen_ns: 'BIGINT',
    last_ns: 'BIGINT', status: 'INTEGER', injected: 'VARCHAR', checks: 'VARCHAR', repetition: 'DOUBLE', said: 'VARCHAR',
    heard: 'VARCHAR',
    usage: 'STRUCT(tokens_in BIGINT, tokens_out BIGINT, estimated BOOLEAN, cost_pico BIGINT)',
    fault: 'STRUCT(kind VARCHAR, detail VARCHAR, status INTEGER, injected BOOLEAN)',
    outcome: 'VARCHAR', turns: 'INTEGER', tokens_in: 'BIGINT', tokens_out: 'BIGINT', cost_pico: 'BIGINT',
    reason: 'VARCHAR', checks_ok: 'INTEGER', checks_bad: 'INTEGER', slow: 'BOOLEAN'
}"""

_NAME = r"'([0-9]+)-([0-9]+)-[0-9]+\.jsonl(\.zst)?$'"

LINES = f"""
    SELECT *, regexp_extract(filename, {_NAME}, 1)::INTEGER AS shard,
        regexp_extract(filename, {_NAME}, 2)::INTEGER AS process
    FROM read_json($files, format = 'newline_delimited', columns = {_LINE}, ignore_errors = true, filename = true)
"""
"""The lines of segments as they are; those that cannot be read are rows of nulls. `process`: which start of the shard's."""

MESSAGE = """
    SELECT shard, process, conversation, "user", turn, attempt, coalesce(phase, '') AS phase, coalesce(step, '') AS step,
        done_ns, CASE WHEN sent_ns > 0 THEN sent_ns ELSE start_ns END AS at_ns,
        CASE WHEN sent_ns > 0 THEN (CASE WHEN last_ns > 0 THEN last_ns ELSE done_ns END) - sent_ns END AS latency_ns,
        CASE WHEN seen_ns > 0 THEN seen_ns - sent_ns END AS ttft_ns,
        coalesce(status, fault.status) AS status, fault.kind AS error, fault.detail AS detail,
        coalesce(injected, CASE WHEN fault.injected THEN fault.kind END) AS injected,
        CASE WHEN usage IS NOT NULL THEN coalesce(usage.tokens_in, 0) END AS tokens_in,
        CASE WHEN usage IS NOT NULL THEN coalesce(usage.tokens_out, 0) END AS tokens_out,
        coalesce(usage.estimated, false) AS estimated, coalesce(usage.cost_pico, 0) AS cost_pico,
        checks, CASE WHEN repetition >= 0 THEN repetition END AS repetition,
        coalesce(said, '') AS said, coalesce(heard, '') AS heard
"""
"""The rows of `messages`, without their number; follows with FROM."""

IS_MESSAGE = "k = 'x' AND conversation IS NOT NULL AND done_ns IS NOT NULL"

MESSAGE_ORDER = "done_ns, shard, process, conversation, turn, attempt"  # no two messages are equal in all of these

CONVERSATION = """
    SELECT shard, process, conversation, "user", coalesce(phase, '') AS phase, start_ns, done_ns, outcome,
        coalesce(reason, '') AS reason, coalesce(turns, 0) AS turns, coalesce(tokens_in, 0) AS tokens_in,
        coalesce(tokens_out, 0) AS tokens_out, coalesce(cost_pico, 0) AS cost_pico, coalesce(checks_ok, 0) AS checks_ok,
        coalesce(checks_bad, 0) AS checks_bad, coalesce(slow, false) AS slow
"""

IS_CONVERSATION = "k = 'c' AND conversation IS NOT NULL AND done_ns IS NOT NULL"

CONVERSATION_ORDER = "done_ns, shard, process, conversation"

LOST = """
    SELECT any_value(shard), max(process), conversation, any_value("user"), any_value(phase), min(at_ns), max(done_ns),
        'lost', 'the engine process ended before the conversation did', max(turn), coalesce(sum(tokens_in), 0)::BIGINT,
        coalesce(sum(tokens_out), 0)::BIGINT, sum(cost_pico)::BIGINT, 0, 0, false
    FROM read_parquet({messages}) AS message ANTI JOIN {told} AS told USING (conversation)
    GROUP BY conversation
"""
"""Conversations that have messages and no end, because the process that played them was lost and nobody played them again."""

CHECKED = """
    SELECT shard, process, conversation, turn, coalesce(phase, '') AS phase, coalesce(step, '') AS step, checks
"""

IS_CHECKED = "k = 'e' AND conversation IS NOT NULL AND turn IS NOT NULL"


def numbered(rows: str, order: str, base: int = 0) -> str:
    """Return the query that puts `rows` in order and numbers them from `base`."""
    # A window without an order numbers the rows as they come, so the wide rows are sorted once and never held.
    return f"SELECT row_number() OVER () - 1 + {base:d} AS n, * FROM ({rows} ORDER BY {order})"


TEXTS = "said, heard, detail"

MESSAGE_SHOWN = """
    n, conversation, "user", turn, attempt, step, phase, at_ns / 1e6 AS at_ms, latency_ns / 1e6 AS latency_ms,
    ttft_ns / 1e6 AS ttft_ms, status, error, detail, injected, tokens_in, tokens_out, estimated,
    cost_pico / 1e12 AS cost_usd, checks, repetition, shard
"""
"""What people see of a message, without what was said and heard: ms and USD."""

CONVERSATION_SHOWN = """
    n, conversation, "user", phase, outcome, reason, start_ns / 1e6 AS at_ms, (done_ns - start_ns) / 1e6 AS took_ms,
    turns, tokens_in, tokens_out, cost_pico / 1e12 AS cost_usd, checks_ok, checks_bad, slow, shard
"""
"""What people see of a conversation."""
