"""Takes secrets out of texts that people or files will see, by exact match of their values and of the usual encodings."""

from __future__ import annotations

import base64
import json
import re
from collections import deque
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

SHORTEST = 4
"""Values shorter than this are not replaced: they would match by chance everywhere."""

MOST_LATER = 16
"""Tokens that were fetched: the newest ones can be quoted by a target, older ones have expired."""

_SHORTEST_INNER = 8  # base64 letters of a value inside other text


class Redactor:
    """Replaces every secret value by `***`. Made once per process from the resolved values; costs nothing without any."""

    def __init__(self, values: Iterable[str]) -> None:
        self._fixed = frozenset(values)
        self._later: deque[str] = deque(maxlen=MOST_LATER)
        self._compile()

    def _compile(self) -> None:
        values = (*self._fixed, *self._later)
        forms = {form for value in values if len(value) >= SHORTEST for form in _forms(value)}
        self._forms = sorted(forms, key=lambda form: (-len(form), form))
        self._pattern = re.compile("|".join(map(re.escape, self._forms)))

    def add(self, value: str) -> None:
        """Replace one more value from now on; of those that are added, the newest 16 count."""
        if value not in self._fixed and value not in self._later:
            self._later.append(value)
            self._compile()

    @property
    def any(self) -> bool:
        """Whether there is anything to replace."""
        return bool(self._forms)

    def __call__(self, text: str) -> str:
        """Return `text` without the secrets; the same object when it holds none."""
        for form in self._forms:
            if form in text:
                return self._pattern.sub("***", text)
        return text


def _forms(value: str) -> set[str]:
    """Return the value as it stands in texts, JSON, URLs and base64, alone or inside `user:password`."""
    data = value.encode("utf-8", "replace")
    forms = {value, json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]}
    for quoted in (quote(data), quote(data, safe=""), quote_plus(data)):
        forms |= {quoted, re.sub("%..", lambda found: found[0].lower(), quoted)}
    for shift in range(3):
        # Each base64 letter holds 6 bits: what precedes by `shift` bytes spoils the first letters, what follows the last.
        coded = base64.b64encode(b"\0" * shift + data).decode()
        inner = coded[(shift * 8 + 5) // 6 : (shift + len(data)) * 8 // 6]
        whole = {coded, coded.rstrip("=")} if shift == 0 else set()
        for form in whole | ({inner} if len(inner) >= _SHORTEST_INNER else set()):
            forms |= {form, form.translate(str.maketrans("+/", "-_"))}
    return forms
