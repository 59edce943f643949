"""The ledger: what sessions reserved and spent, per target and day and for all of a day. Caps hold under concurrency.

A session's money belongs to the day on which it was reserved, however long it plays. Reserved is what it may still
spend: its amount less what it spent, nothing once it is released. A line is the sum over its sessions. Every change
takes the locks of its lines in one order (all, then the target), so no two wait for each other.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, case, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from krawall.errors import Conflict, Refused
from krawall.load.spend import add, minus
from krawall.model.base import format_money
from krawall.model.budget import Spend
from krawall.model.kept import LedgerLine
from krawall.store.database import Database, Transaction
from krawall.store.plain import from_text, to_text
from krawall.store.tables import ledger, reservations

ALL = "all"
TARGET = "target"
SESSION = "session"


class Ledger:
    """Money, tokens, requests and conversations of sessions, targets and days (`2026-11-23`, UTC)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def reserve(
        self,
        session: str,
        target: str,
        day: str,
        amount: Spend,
        daily_cap: Spend | None,
        tx: Transaction | None = None,
    ) -> None:
        """Set aside what a session may spend. `daily_cap`: of all sessions of the day; 0 tokens, requests or
        conversations in it: no cap of these. Its money always counts.

        Raises:
            Refused: the day's cap does not leave so much; says what it leaves.
            Conflict: the session has reserved already.
        """
        async with self._database.within(tx, ordered=False) as own:
            lines = await _lock(own, target, day)
            if await _reservation(own, session) is not None:
                raise Conflict(f"session {session} has reserved already")
            if daily_cap is not None:
                _hold(daily_cap, lines[0], amount)
            row = {"session": session, "target": target, "day": day, "amount": to_text(amount)}
            await own.run(insert(reservations).values(**row, spent=to_text(Spend()), released=False))
            await _change(own, lines, reserved=amount, spent=Spend())

    async def settle(self, session: str, target: str, day: str, spent: Spend, tx: Transaction | None = None) -> None:
        """Say what a session has spent until now, in all. `target` and `day` count only if it never reserved."""
        async with self._database.within(tx, ordered=False) as own:
            first = await _reservation(own, session)
            lines = await _lock(own, *((first.target, first.day) if first else (target, day)))
            row = await _reservation(own, session)
            if row is None:
                empty = {"amount": to_text(Spend()), "spent": to_text(Spend()), "released": False}
                await own.run(insert(reservations).values(session=session, target=target, day=day, **empty))
                row = await _reservation(own, session)
            assert row is not None
            before = from_text(row.spent, Spend)
            await own.run(_of(session).values(spent=to_text(spent)))
            held = minus(_held(row, spent), _held(row, before))
            await _change(own, lines, reserved=held, spent=minus(spent, before))

    async def release(self, session: str, tx: Transaction | None = None) -> None:
        """Give back what a session reserved and did not spend. A session that holds nothing gives nothing back."""
        async with self._database.within(tx, ordered=False) as own:
            first = await _reservation(own, session)
            if first is None:
                return
            lines = await _lock(own, first.target, first.day)
            row = await _reservation(own, session)
            if row is None or row.released:
                return
            await own.run(_of(session).values(released=True))
            held = _held(row, from_text(row.spent, Spend))
            await _change(own, lines, reserved=minus(Spend(), held), spent=Spend())

    async def lines(self, day: str) -> list[LedgerLine]:
        """Return the lines of a day: of all, of each target, of each session."""
        sums = (
            select(ledger).where(ledger.c.day == day).order_by(case((ledger.c.scope == ALL, 0), else_=1), ledger.c.key)
        )
        each = select(reservations).where(reservations.c.day == day).order_by(reservations.c.session)
        async with self._database.read() as tx:
            found = [_line(row) for row in await tx.all(sums)]
            for row in await tx.all(each):
                spent = from_text(row.spent, Spend)
                found.append(LedgerLine(SESSION, row.session, "", _held(row, spent), spent))
            return found


async def _lock(tx: Transaction, target: str, day: str) -> list[LedgerLine]:
    """Lock and return the lines that a session of `target` on `day` counts in; they are made if they are missing."""
    found = []
    for scope, key in ((ALL, ""), (TARGET, target)):
        dialect = postgresql if tx.connection.dialect.name == "postgresql" else sqlite
        empty = {"scope": scope, "key": key, "day": day, "reserved": to_text(Spend()), "spent": to_text(Spend())}
        await tx.run(dialect.insert(ledger).values(empty).on_conflict_do_nothing())
        query = select(ledger).where(ledger.c.scope == scope, ledger.c.key == key, ledger.c.day == day)
        found += [_line(row) for row in await tx.all(query.with_for_update())]
    return found


async def _change(tx: Transaction, lines: list[LedgerLine], *, reserved: Spend, spent: Spend) -> None:
    for line in lines:
        values = {"reserved": to_text(add(line.reserved, reserved)), "spent": to_text(add(line.spent, spent))}
        is_it = (ledger.c.scope == line.scope) & (ledger.c.key == line.key) & (ledger.c.day == line.day)
        await tx.run(update(ledger).where(is_it).values(values))


async def _reservation(tx: Transaction, session: str) -> Row[Any] | None:
    return await tx.first(select(reservations).where(reservations.c.session == session))


def _of(session: str) -> Any:
    return update(reservations).where(reservations.c.session == session)


def _hold(cap: Spend, line: LedgerLine, amount: Spend) -> None:
    left = minus(cap, add(line.reserved, line.spent))
    if amount.cost_pico > left.cost_pico:
        raise Refused(
            f"the sessions of {line.day} may spend {format_money(cap.cost_pico)} together, which leaves"
            f" {format_money(max(0, left.cost_pico))}; this one may spend up to {format_money(amount.cost_pico)}",
            hint="lower its budget, wait for others to end, or raise the daily cap",
        )
    for name in ("tokens", "requests", "conversations"):
        if getattr(cap, name) and getattr(amount, name) > getattr(left, name):
            raise Refused(
                f"the sessions of {line.day} may use {getattr(cap, name)} {name} together, which leaves"
                f" {max(0, getattr(left, name))}; this one may use up to {getattr(amount, name)}",
                hint="lower its budget, or wait for others to end",
            )


def _held(row: Row[Any], spent: Spend) -> Spend:
    """What a session that has spent so much may still spend."""
    if row.released:
        return Spend()
    left = minus(from_text(row.amount, Spend), spent)
    return Spend(*(max(0, getattr(left, name)) for name in Spend.__struct_fields__))


def _line(row: Row[Any]) -> LedgerLine:
    return LedgerLine(row.scope, row.key, row.day, from_text(row.reserved, Spend), from_text(row.spent, Spend))
