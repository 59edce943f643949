"""The hook `oauth2`: a token of our own by client credentials (RFC 6749 section 4.4), renewed before it expires and after a 401."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Literal
from urllib.parse import quote_plus, urlencode

import msgspec

from krawall.errors import KrawallError
from krawall.model.auth import OAuth2
from krawall.model.base import NS_PER_S
from krawall.model.exchange import Fault, FaultKind, Prompt, TargetFault
from krawall.model.hook import Hook, Hooked, Surroundings

FORM = "application/x-www-form-urlencoded"


class OAuth2Hook(Hook, OAuth2):
    """Get a token by client credentials and send it as bearer token. Written as `auth: {oauth2: {...}}`."""

    kind: Literal["oauth2"] = "oauth2"

    def urls(self) -> list[str]:
        """Where tokens come from."""
        return [self.token_url]

    def open(self, around: Surroundings) -> AbstractAsyncContextManager[Hooked]:
        """Open it; the first token is fetched with the first request."""
        return _opened(self, around)


@asynccontextmanager
async def _opened(settings: OAuth2Hook, around: Surroundings) -> AsyncIterator[Hooked]:
    token = Token(settings, around)
    try:
        yield token
    finally:
        await token.close()


class _Granted(msgspec.Struct):
    """The answer of a token server (RFC 6749 section 5.1)."""

    access_token: str
    expires_in: float | None = None


class Token(Hooked):
    """The token that all users of the process share. Renewed by one request at a time, however many ask."""

    def __init__(self, settings: OAuth2Hook, around: Surroundings) -> None:
        self._settings = settings
        self._around = around
        self._value = ""
        self._expires_ns: int | None = None
        self._renewing: asyncio.Task[None] | None = None
        self._trouble: TargetFault | KrawallError | None = None

    async def before_send(self, prompt: Prompt) -> Prompt:
        """Add the token; wait for one only when there is none that is valid."""
        if not self._valid():
            await self._renewed()
        elif self._old():
            self._renew()  # in the background: the token at hand is good for this request
        return msgspec.structs.replace(prompt, extra={**prompt.extra, "authorization": f"Bearer {self._value}"})

    async def on_error(self, prompt: Prompt, fault: Fault) -> bool:
        """A 401 asks for another token, unless somebody has got one meanwhile."""
        if fault.status != 401:
            return False
        if prompt.extra.get("authorization") == f"Bearer {self._value}":
            await self._renewed()
        return True

    async def close(self) -> None:
        """Stop a renewal that is under way."""
        if self._renewing is not None:
            self._renewing.cancel()
            await asyncio.wait([self._renewing])

    def _valid(self) -> bool:
        return bool(self._value) and (self._expires_ns is None or self._around.now() < self._expires_ns)

    def _old(self) -> bool:
        return self._expires_ns is not None and self._around.now() >= self._expires_ns - self._settings.early

    def _renew(self) -> asyncio.Task[None]:
        if self._renewing is None or self._renewing.done():
            self._renewing = asyncio.get_running_loop().create_task(self._fetch())
        return self._renewing

    async def _renewed(self) -> None:
        """Wait for a fresh token.

        Raises:
            TargetFault: the token server gives none; it says so in the fault.
        """
        task = self._renew()
        await asyncio.wait([task])
        if self._trouble is not None:
            raise self._trouble

    async def _fetch(self) -> None:
        """Ask the token server. A failure is kept for whoever waits: in the background nobody does, and the old token goes on."""
        try:
            await self._ask()
            self._trouble = None
        except (TargetFault, KrawallError) as trouble:
            self._trouble = trouble

    async def _ask(self) -> None:
        settings, resolve = self._settings, self._around.secrets.resolve
        form = {"grant_type": "client_credentials"}
        if settings.scope:
            form["scope"] = settings.scope
        if settings.audience:
            form["audience"] = settings.audience
        headers = {"content-type": FORM, "accept": "application/json"}
        client, secret = resolve(settings.client_id), resolve(settings.client_secret)
        if settings.credentials == "basic":  # RFC 6749 section 2.3.1: both parts form-encoded
            pair = f"{quote_plus(client)}:{quote_plus(secret)}".encode()
            headers["authorization"] = "Basic " + base64.b64encode(pair).decode()
        else:
            form |= {"client_id": client, "client_secret": secret}
        asked_ns = self._around.now()
        answer = await self._around.fetch("POST", resolve(settings.token_url), headers, urlencode(form).encode())
        if answer.status != 200:
            kind = FaultKind.server if answer.status >= 500 else FaultKind.rejected
            raise TargetFault(
                kind, f"the token server answers {answer.status}{_words(answer.body)}", status=answer.status
            )
        try:
            granted = msgspec.json.decode(answer.body, type=_Granted)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise TargetFault(FaultKind.protocol, "the token server's answer has no access_token") from None
        self._around.hide(granted.access_token)
        self._value = granted.access_token
        self._expires_ns = None if granted.expires_in is None else asked_ns + round(granted.expires_in * NS_PER_S)


def _words(body: bytes) -> str:
    """Return what an error of RFC 6749 section 5.2 says; never more of the answer, which may repeat what was sent."""
    try:
        found = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return ""
    error = found.get("error") if isinstance(found, dict) else None
    return f": {error[:60]}" if isinstance(error, str) and error.replace("_", "").isalnum() else ""
