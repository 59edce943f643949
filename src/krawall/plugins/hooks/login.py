"""The hook `login`: signs in by one or more calls, takes tokens or cookies out of their answers, sends them along, signs in again."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Annotated, Any, Literal, Self
from urllib.parse import quote, urlencode

from pydantic import Field, model_validator

from krawall.model.auth import SECRET_NAMES
from krawall.model.base import NS_PER_S, Document, Duration
from krawall.model.exchange import FaultKind, TargetFault
from krawall.model.hook import Fetched, Hook, Hooked, Surroundings
from krawall.plugins.renewing import Carrying, Pass
from krawall.wire.document import NotMapped, decode_any
from krawall.wire.paths import parse_path

_NAMES = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_]*\}|\{([A-Za-z_][A-Za-z0-9_-]*)\}")


class Take(Document):
    """Where a value stands in an answer: exactly one of a path into its JSON, a header, a cookie."""

    path: str | None = None
    header: str | None = None
    cookie: str | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(part is not None for part in (self.path, self.header, self.cookie)) != 1:
            raise ValueError("give exactly one of `path`, `header`, `cookie`")
        if self.path is not None:
            parse_path(self.path)
        return self


class Call(Document):
    """One request. `{name}` in its texts is a value that an earlier call took, `${NAME}` a secret."""

    method: Literal["GET", "POST", "PUT"] = "POST"
    url: str
    headers: dict[str, str] = {}
    body: Any = Field(None, description="sent as JSON")
    form: dict[str, str] | None = Field(None, description="sent as a form")
    take: dict[str, str | Take] = Field({}, description="name: path into the answer, {header: ...} or {cookie: ...}")

    @model_validator(mode="after")
    def _checked(self) -> Self:
        if self.body is not None and self.form is not None:
            raise ValueError("give either `body` or `form`")
        for value in self.take.values():
            if isinstance(value, str):
                parse_path(value)
        for name in _plain_secrets([self.headers, self.form, self.body]):
            raise ValueError(f"{name!r} looks like a secret; write a reference such as ${{BOT_PASSWORD}}")
        return self

    def texts(self) -> list[str]:
        """Return every text in which values are filled in."""
        return [self.url, *self.headers.values(), *(self.form or {}).values(), *_texts(self.body)]


class Login(Hook):
    """Sign in before the first request, and again before it expires or after a 401."""

    kind: Literal["login"] = "login"
    calls: Annotated[list[Call], Field(min_length=1)]
    send: dict[str, str] = Field(
        {"authorization": "Bearer {token}"}, description="headers of every request; `{name}` is a value that was taken"
    )
    refresh: list[Call] = Field([], description="calls that renew it; without them the first calls are made again")
    lasts: Duration | None = Field(None, description="how long it is valid; None: until a 401")
    expires_in: str = Field("", alias="expires in", description="name of a taken value: seconds for which it is valid")
    early: Duration = Field(30 * NS_PER_S, description="it is renewed so long before it expires")

    @model_validator(mode="after")
    def _known(self) -> Self:
        taken = {name for call in self.calls for name in call.take}
        for wanted in (*(name for value in self.send.values() for name in _names(value)), self.expires_in):
            if wanted and wanted not in taken:
                raise ValueError(f"no call takes {wanted!r}; they take {', '.join(sorted(taken)) or 'nothing'}")
        for name in _plain_secrets([self.send]):
            raise ValueError(f"{name!r} in `send` looks like a secret; write {{name}} of a taken value, or a reference")
        return self

    def urls(self) -> list[str]:
        """Where it signs in; a path may hold taken values."""
        return [call.url for call in (*self.calls, *self.refresh)]

    def secret_names(self) -> set[str]:
        """Return the names of taken values that are sent again: they prove who we are."""
        calls = [text for call in (*self.calls, *self.refresh) for text in call.texts()]
        return {name for text in (*self.send.values(), *calls) for name in _names(text)} - {self.expires_in}

    def open(self, around: Surroundings) -> AbstractAsyncContextManager[Hooked]:
        """Open it; it signs in before the session begins."""
        return SignedIn(self, around).opened()


class SignedIn(Carrying):
    """What all users of the process share."""

    def __init__(self, settings: Login, around: Surroundings) -> None:
        super().__init__(settings.early, around.now)
        self._settings = settings
        self._around = around
        self._secret = settings.secret_names()
        self._taken: dict[str, str] = {}

    async def get(self, refused: bool) -> Pass:
        """Make the calls; where those for renewing fail, the first ones."""
        settings = self._settings
        if settings.refresh and self._taken:
            before, self._taken = self._taken, {}
            try:
                return self._pass(before | await self._calls(settings.refresh, before, "refresh"))
            except TargetFault:
                pass
        return self._pass(await self._calls(settings.calls, {}, "login"))

    async def _calls(self, calls: Sequence[Call], known: Mapping[str, str], name: str) -> dict[str, str]:
        taken = dict(known)
        for number, call in enumerate(calls, 1):
            taken |= await self._call(call, taken, f"{name} call {number}")
        return taken

    def _pass(self, taken: dict[str, str]) -> Pass:
        settings = self._settings
        life_s = None if settings.lasts is None else settings.lasts / NS_PER_S
        if settings.expires_in:
            try:
                life_s = float(taken[settings.expires_in])
            except ValueError:
                raise TargetFault(
                    FaultKind.protocol, f"login: {settings.expires_in!r} is no number of seconds"
                ) from None
        self._taken = taken
        return Pass({name.lower(): self._filled(value, taken) for name, value in settings.send.items()}, life_s)

    def _filled(self, text: str, taken: Mapping[str, str]) -> str:
        return filled(text, self._around.secrets.resolve, taken)

    async def _call(self, call: Call, taken: Mapping[str, str], name: str) -> dict[str, str]:
        headers = {"accept": "application/json"}
        headers |= {key.lower(): self._filled(value, taken) for key, value in call.headers.items()}
        data = b""
        if call.form is not None:
            headers.setdefault("content-type", "application/x-www-form-urlencoded")
            data = urlencode({key: self._filled(value, taken) for key, value in call.form.items()}).encode()
        elif call.body is not None:
            headers.setdefault("content-type", "application/json")
            data = json.dumps(_deep(call.body, lambda text: self._filled(text, taken))).encode()
        url = self._filled(call.url, {key: quote(value, safe="") for key, value in taken.items()})
        answer = await self._around.fetch(call.method, url, headers, data)
        if not 200 <= answer.status < 400:  # a sign-in often ends with a redirect
            kind = FaultKind.server if answer.status >= 500 else FaultKind.rejected
            raise TargetFault(kind, f"{name} is answered with {answer.status}", status=answer.status)
        found = {key: _taken(answer, rule, f"{name}: {key}") for key, rule in call.take.items()}
        for key, value in found.items():
            if key in self._secret:
                self._around.hide(value)
        return found


def filled(text: str, resolve: Callable[[str], str], taken: Mapping[str, str]) -> str:
    """Return a text with taken values in place of `{name}`, and secrets in place of references. Neither is looked into again."""

    def value(match: re.Match[str]) -> str:
        return resolve(match[0]) if match[1] is None else taken.get(match[1], match[0])

    return _NAMES.sub(value, text)


def _names(text: str) -> list[str]:
    return [match[1] for match in _NAMES.finditer(text) if match[1] is not None]


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for each in inner for text in _texts(each)]


def _plain_secrets(value: Any) -> list[str]:
    """Return the names that look like a secret's, at any depth, whose text holds neither a reference nor a taken value."""
    if isinstance(value, list):
        return [name for inner in value for name in _plain_secrets(inner)]
    if not isinstance(value, dict):
        return []
    here = [
        str(name)
        for name, inner in value.items()
        if isinstance(inner, str) and SECRET_NAMES.search(str(name)) and not _NAMES.search(inner)
    ]
    return here + [name for inner in value.values() for name in _plain_secrets(inner)]


def _deep(value: Any, fill: Callable[[str], str]) -> Any:
    if isinstance(value, dict):
        return {key: _deep(inner, fill) for key, inner in value.items()}
    if isinstance(value, list):
        return [_deep(inner, fill) for inner in value]
    return fill(value) if isinstance(value, str) else value


def _taken(answer: Fetched, rule: str | Take, place: str) -> str:
    """Return the value that a rule takes out of an answer. Raises TargetFault; it never quotes the answer, which holds secrets."""
    take = Take(path=rule) if isinstance(rule, str) else rule
    found: object = None
    if take.header is not None:
        found = answer.headers.get(take.header.lower())
    elif take.cookie is not None:
        found = _cookie(answer, take.cookie)
    else:
        try:
            values = parse_path(str(take.path)).find(decode_any(answer.body))
        except NotMapped:
            values = []
        found = values[0] if values else None
    if found is None or isinstance(found, (dict, list)):
        raise TargetFault(FaultKind.protocol, f"{place}: not in the answer", status=answer.status)
    return found if isinstance(found, str) else json.dumps(found)


def _cookie(answer: Fetched, wanted: str) -> str | None:
    found = None
    for line in answer.headers.get("set-cookie", "").split("\n"):
        name, _, value = line.partition(";")[0].partition("=")
        if name.strip() == wanted:
            found = value.strip()
    return found
