"""The hook `login`: signs in by one or more calls, takes tokens or cookies out of their answers, sends them along, signs in again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Annotated, Any, Literal, Self
from urllib.parse import quote, urlencode

import msgspec
from pydantic import Field, model_validator

from krawall.errors import KrawallError
from krawall.model.auth import REFERENCE, SECRET_NAMES
from krawall.model.base import NS_PER_S, Document, Duration
from krawall.model.exchange import Fault, FaultKind, Prompt, TargetFault
from krawall.model.hook import Fetched, Hook, Hooked, Surroundings
from krawall.wire.document import NotMapped, decode_any
from krawall.wire.paths import parse_path


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
        for name, value in {**(self.form or {}), **(self.body if isinstance(self.body, dict) else {})}.items():
            if SECRET_NAMES.search(name) and isinstance(value, str) and "{" not in value:
                raise ValueError(f"{name!r} looks like a secret; write a reference such as ${{BOT_PASSWORD}}")
        return self


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

    def urls(self) -> list[str]:
        """Where it signs in; an address may hold taken values after its host."""
        return [call.url for call in (*self.calls, *self.refresh)]

    def open(self, around: Surroundings) -> AbstractAsyncContextManager[Hooked]:
        """Open it; it signs in with the first request."""
        return _opened(self, around)


@asynccontextmanager
async def _opened(settings: Login, around: Surroundings) -> AsyncIterator[Hooked]:
    signed = SignedIn(settings, around)
    try:
        yield signed
    finally:
        await signed.close()


class SignedIn(Hooked):
    """What all users of the process share. One sign-in at a time, however many ask."""

    def __init__(self, settings: Login, around: Surroundings) -> None:
        self._settings = settings
        self._around = around
        self._taken: dict[str, str] = {}
        self._headers: dict[str, str] = {}
        self._expires_ns: int | None = None
        self._task: asyncio.Task[None] | None = None
        self._trouble: TargetFault | KrawallError | None = None

    async def before_send(self, prompt: Prompt) -> Prompt:
        """Add the headers; wait only when there are none that are valid."""
        now = self._around.now()
        if not self._headers or (self._expires_ns is not None and now >= self._expires_ns):
            await self._renewed()
        elif self._expires_ns is not None and now >= self._expires_ns - self._settings.early:
            self._renew()
        return msgspec.structs.replace(prompt, extra={**prompt.extra, **self._headers})

    async def on_error(self, prompt: Prompt, fault: Fault) -> bool:
        """A 401 asks to sign in anew, unless somebody has done it meanwhile."""
        if fault.status != 401:
            return False
        if all(prompt.extra.get(name) == value for name, value in self._headers.items()):
            await self._renewed()
        return True

    async def close(self) -> None:
        """Stop a sign-in that is under way."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def _renew(self) -> asyncio.Task[None]:
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._sign_in())
        return self._task

    async def _renewed(self) -> None:
        """Wait until signed in.

        Raises:
            TargetFault: a call failed; the fault says which.
        """
        await asyncio.wait([self._renew()])
        if self._trouble is not None:
            raise self._trouble

    async def _sign_in(self) -> None:
        try:
            await self._calls()
            self._trouble = None
        except (TargetFault, KrawallError) as trouble:
            self._trouble = trouble

    async def _calls(self) -> None:
        settings, began = self._settings, self._around.now()
        again = bool(self._headers) and bool(settings.refresh)
        taken = dict(self._taken) if again else {}
        for number, call in enumerate(settings.refresh if again else settings.calls, 1):
            taken |= await self._call(call, taken, f"{'refresh' if again else 'login'} call {number}")
        self._taken = taken
        self._headers = {name.lower(): filled(value, self._resolve, taken) for name, value in settings.send.items()}
        self._expires_ns = self._expiry(taken, began)

    def _expiry(self, taken: Mapping[str, str], began_ns: int) -> int | None:
        settings = self._settings
        if settings.expires_in:
            try:
                return began_ns + round(float(taken[settings.expires_in]) * NS_PER_S)
            except (KeyError, ValueError):
                raise TargetFault(
                    FaultKind.protocol, f"login: {settings.expires_in!r} is no number of seconds"
                ) from None
        return None if settings.lasts is None else began_ns + settings.lasts

    @property
    def _resolve(self) -> Callable[[str], str]:
        return self._around.secrets.resolve

    async def _call(self, call: Call, taken: Mapping[str, str], name: str) -> dict[str, str]:
        def fill(value: str) -> str:
            return filled(value, self._resolve, taken)

        headers = {key.lower(): fill(value) for key, value in call.headers.items()}
        data = b""
        if call.form is not None:
            headers.setdefault("content-type", "application/x-www-form-urlencoded")
            data = urlencode({key: fill(value) for key, value in call.form.items()}).encode()
        elif call.body is not None:
            headers.setdefault("content-type", "application/json")
            data = json.dumps(_deep(call.body, fill)).encode()
        url = filled(call.url, self._resolve, {key: quote(value, safe="") for key, value in taken.items()})
        answer = await self._around.fetch(call.method, url, headers, data)
        if not 200 <= answer.status < 400:  # a sign-in often ends with a redirect
            kind = FaultKind.server if answer.status >= 500 else FaultKind.rejected
            raise TargetFault(kind, f"{name} is answered with {answer.status}", status=answer.status)
        found = {key: _taken(answer, rule, f"{name}: {key}") for key, rule in call.take.items()}
        for value in found.values():
            self._around.hide(value)
        return found


def filled(text: str, resolve: Callable[[str], str], taken: Mapping[str, str]) -> str:
    """Return a text with taken values in place of `{name}`, and secrets in place of references."""
    parts, at = [], 0
    for match in REFERENCE.finditer(text):
        parts += [_values(text[at : match.start()], taken), resolve(match[0])]
        at = match.end()
    return "".join([*parts, _values(text[at:], taken)])


def _values(text: str, taken: Mapping[str, str]) -> str:
    for name, value in taken.items():
        text = text.replace(f"{{{name}}}", value)
    return text


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
        for line in answer.headers.get("set-cookie", "").split("\n"):
            name, _, value = line.partition(";")[0].partition("=")
            if name.strip() == take.cookie:
                found = value.strip()
    else:
        try:
            values = parse_path(str(take.path)).find(decode_any(answer.body))
        except NotMapped:
            values = []
        found = values[0] if values else None
    if found is None or isinstance(found, (dict, list)):
        raise TargetFault(FaultKind.protocol, f"{place}: not in the answer", status=answer.status)
    return found if isinstance(found, str) else json.dumps(found)
