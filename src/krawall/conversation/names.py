"""The names that texts may use, and the check that they use no others."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from difflib import get_close_matches

STANDARD = (
    "turn",
    "conversation",
    "user",
    "loop",
    "reply",
    "reply_json",
    "history",
    "usage",
    "now",
    "rng",
    "data",
    "var",
    "env",
)
"""Names that every text knows, besides the scenario's own variables."""

ORIGINAL_NAMES: Mapping[str, str] = {
    "messageIndex": "messages sent in this conversation before this one: 0, 1, 2, ...",
    "repetitionIndex": "index of the outermost loop's iteration: 0, 1, 2, ...; the original's repeats of a flow are such a loop",
    "timestamp": "the time now, ISO 8601, UTC",
    "lastResponse": "text of the last reply; empty before the first",
    "response": "the same as lastResponse",
    "conversationId": "the target's id of the conversation, else ours",
    "messageCount": "messages of the history so far, answers included",
    "tokenCount": "input and output tokens of the conversation so far",
    "history": "the history: a list of {role, content}, oldest first",
    "lastAssistantMessage": "text of the last answer in the history; empty before the first",
    "lastUserMessage": "text of the last user message in the history; empty before the first",
    "index": "index of the innermost loop's iteration: 0, 1, 2, ...",
    "sessionId": "id of the session",
    "randomInt": "a seeded whole number: {{randomInt}} of 0 to 100, {{randomInt 1 6}} of 1 to 6",
    "randomText": "seeded letters and spaces: {{randomText}} has 20, {{randomText 80}} has 80",
}
"""Names of the original's Handlebars texts. `Scope.lookup` gets them as they stand here; `randomInt` and `randomText` are
helpers that draw from `Scope.lookup("rng")` and are never looked up themselves."""

_CHILDREN: Mapping[str, Collection[str]] = {"rng": ("int", "float", "choice", "text", "uuid")}
_DICT_METHODS = frozenset(["items", "keys", "values", "get"])


class Known:
    """The names that one scenario's texts may use.

    `known` holds the scenario's variables. Dotted entries close the list of what a name holds: with `data.order` and
    `data.city`, `data.ordr` is an error. `var` holds exactly the variables and `env` exactly the entries `env.NAME`.
    """

    __slots__ = ("children", "names")

    def __init__(self, known: Iterable[str]) -> None:
        names = {name for name in known if "." not in name}
        self.names = names | set(STANDARD)
        self.children: dict[str, set[str]] = {name: set(inner) for name, inner in _CHILDREN.items()}
        self.children["var"] = names - set(STANDARD)
        self.children["env"] = set()
        for name in known:
            if "." in name:
                top, inner = name.split(".", 1)
                self.children.setdefault(top, set()).add(inner)

    def problem(self, used: str) -> str | None:
        """Return what is wrong with a name as a text uses it (`greeting`, `data.order`), or None."""
        top, _, rest = used.partition(".")
        if top not in self.names:
            return _unknown(top, self.names)
        inner = rest.partition(".")[0]
        allowed = self.children.get(top)
        if not inner or allowed is None or inner in allowed or (top != "rng" and inner in _DICT_METHODS):
            return None
        return _unknown(f"{top}.{inner}", {f"{top}.{name}" for name in allowed})


def _unknown(name: str, known: Collection[str]) -> str:
    near = get_close_matches(name, sorted(known), n=1)
    return f"unknown name '{name}'" + (f"; did you mean '{near[0]}'?" if near else "")
