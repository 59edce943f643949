"""What was sent at a turn, made anew: the plan says how requests look, the log says what had been said until then. Pure.

The log keeps texts, no bytes. So the request is rebuilt by the same functions that made it, and what nobody can know any more is
said instead of guessed (`doubts`). Secrets are not resolved: they are shown as `***`.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from urllib.parse import urlsplit

import msgspec

from krawall.conversation.dice import Dice
from krawall.conversation.rendering import RenderError
from krawall.conversation.tokens import estimate
from krawall.conversation.variables import conversation_seed, draw_vars, pick_row
from krawall.conversation.window import select
from krawall.engine.program import compile_texts
from krawall.errors import NotFound
from krawall.model.auth import REFERENCE
from krawall.model.base import Record
from krawall.model.exchange import Message, Prompt
from krawall.model.plan import Plan
from krawall.model.target import Target
from krawall.services.replaying import Replay, Turn
from krawall.version import __version__
from krawall.wire import auth
from krawall.wire.request import compile_request

HIDDEN = "***"
ECHO = "echo"
UNKNOWN_ID = "(the target's own, not kept)"
WHOLE = frozenset({"http", "sse"})
"""Connectors whose request is one HTTP request with the body as it is; others put it into messages of their own protocol."""
_KNOWN = frozenset({"conversation", "user", "data", "var", "rng", "turn"})


class Rebuilt(Record, frozen=True):
    """The request of a turn. `method` and `headers` are empty where the connector does not speak plain HTTP.

    `body` is JSON text; `history`: how many earlier messages it carries; `doubts`: in what it may differ from what was sent.
    """

    turn: int
    connector: str
    method: str
    url: str
    headers: dict[str, str]
    body: str
    history: int
    doubts: list[str]


def rebuilt(plan: Plan, session: str, found: Replay, number: int) -> Rebuilt:
    """Return the request of turn `number`; every attempt at it was the same.

    Raises:
        NotFound: there is no such turn, or its text was not kept.
    """
    turn = next((turn for turn in found.turns if turn.number == number), None)
    if turn is None:
        raise NotFound(f"conversation {found.conversation} has no turn {number}")
    if not turn.said:
        raise NotFound(f"what was said in turn {number} was not kept, so its request cannot be rebuilt")
    target, doubts = plan.target, _doubts(plan)
    system = _system(plan, found, doubts)
    prompt = Prompt(_messages(plan, found, turn, system), turn.said, system, _conversation_id(plan, number, doubts))
    body = compile_request(target)(prompt)
    kind = target.connector or "http"
    if kind == ECHO:
        doubts.append("nothing was sent: the connector echo answers by itself")
    elif kind not in WHOLE:
        doubts.append(f"the connector {kind} puts this into messages of its own protocol")
    return Rebuilt(
        turn=number,
        connector=kind,
        method=target.method if kind in WHOLE else "",
        url=_url(target),
        headers=_headers(target, session, len(body)) if kind in WHOLE else {},
        body=msgspec.json.format(body, indent=2).decode(),
        history=len(prompt.messages) - 1 if _carries(target) else 0,
        doubts=doubts,
    )


def _carries(target: Target) -> bool:
    """Tell whether the body has a place for the messages before."""
    return b'"$messages"' in msgspec.json.encode([target.body, target.request])


def _doubts(plan: Plan) -> list[str]:
    found = []
    if plan.target.hooks:
        names = [each if isinstance(each, str) else next(iter(each), "") for each in plan.target.hooks]
        found.append(f"hooks of the target ({', '.join(names)}) may have changed texts or added headers")
    return found


def _messages(plan: Plan, found: Replay, turn: Turn, system: str | None) -> list[Message]:
    """Return the window of history that went along: turns that failed are no part of it."""
    if plan.target.history != "append":
        return [Message("user", turn.said)]
    history: list[Message] = []
    for before in found.turns:
        if before.number < turn.number and before.attempts[-1].error is None:
            history += [Message("user", before.said), Message("assistant", before.heard)]
    return select([*history, Message("user", turn.said)], plan.scenario.window, estimate, system)


def _conversation_id(plan: Plan, number: int, doubts: list[str]) -> str | None:
    if plan.target.history != "server" or number == 1 or not plan.target.reply.conversation_id:
        return None
    doubts.append("the conversation id that the target gave is not kept")
    return UNKNOWN_ID


@dataclass
class _Beginning:
    """The names that a text has when a conversation begins."""

    values: dict[str, object]

    def lookup(self, name: str) -> object:
        return self.values.get(name)


def _system(plan: Plan, found: Replay, doubts: list[str]) -> str | None:
    """Return the system prompt as it was rendered when the conversation began; as it is written, where that cannot be known."""
    scenario = plan.scenario
    if scenario.system is None:
        return None
    texts, errors = compile_texts(scenario, sorted(plan.rows[0]) if plan.rows else None)
    unknown = sorted(set(texts.names(scenario.system)) - _KNOWN - set(scenario.vars))
    if errors or unknown:
        doubts.append(
            f"the system prompt is shown as it is written: {', '.join(unknown) or 'its texts'} cannot be known now"
        )
        return scenario.system
    rng = Random(conversation_seed(plan.seed, found.conversation))
    pick = scenario.data.pick if scenario.data else "in order"
    row = pick_row(plan.rows, pick, found.conversation, plan.seed) if plan.rows else None
    drawn = draw_vars(scenario.vars, rng)
    names: dict[str, object] = {
        "conversation": found.conversation, "user": found.user, "turn": 0, "data": row or {}, "var": drawn, "rng": Dice(lambda: rng),
    }  # fmt: skip
    try:
        return texts.render(scenario.system, _Beginning({**names, **drawn}))
    except RenderError as error:
        doubts.append(f"the system prompt is shown as it is written: {error.message}")
        return scenario.system


def _hidden(text: str) -> str:
    return REFERENCE.sub(HIDDEN, text)


def _url(target: Target) -> str:
    query = "&".join(f"{name}={value}" for name, value in auth.query(target, _hidden))
    url = _hidden(target.url)
    return f"{url}{'&' if '?' in url else '?'}{query}" if query else url


def _headers(target: Target, session: str, length: int) -> dict[str, str]:
    """Return the headers of a plain HTTP request, in the order in which they are sent."""
    own = auth.headers(target, _hidden)
    if target.auth is not None and (target.auth.basic or target.auth.oauth2):
        own["authorization"] = f"{'Basic' if target.auth.basic else 'Bearer'} {HIDDEN}"
    first = {
        "host": urlsplit(_hidden(target.url)).netloc,
        "user-agent": f"krawall/{__version__}",
        "x-krawall-session": session,
        "accept": "text/event-stream, application/json" if target.stream else "application/json, text/plain",
        **({} if target.method == "GET" else {"content-type": "application/json"}),
    }
    return {
        **first,
        **{name: value for name, value in own.items() if name not in ("host", "user-agent")},
        "content-length": str(length),
    }
