"""The hook `oauth2`: a token of our own by client credentials (RFC 6749 section 4.4), renewed before it expires and after a 401."""

from __future__ import annotations

import base64
from contextlib import AbstractAsyncContextManager
from typing import Literal
from urllib.parse import quote_plus, urlencode

import msgspec

from krawall.model.auth import OAuth2
from krawall.model.exchange import FaultKind, TargetFault
from krawall.model.hook import Hook, Hooked, Surroundings
from krawall.plugins.renewing import Carrying, Pass

_CODES = {
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
    "invalid_target",
}
FORM = "application/x-www-form-urlencoded"


class OAuth2Hook(Hook, OAuth2):
    """Get a token by client credentials and send it as bearer token. Written as `auth: {oauth2: {...}}`."""

    kind: Literal["oauth2"] = "oauth2"

    def urls(self) -> list[str]:
        """Where tokens come from."""
        return [self.token_url]

    def open(self, around: Surroundings) -> AbstractAsyncContextManager[Hooked]:
        """Open it; the first token is fetched before the session begins."""
        return Token(self, around).opened()


class _Granted(msgspec.Struct):
    """The answer of a token server (RFC 6749 section 5.1); some write the seconds as text."""

    access_token: str
    expires_in: float | str | None = None


class Token(Carrying):
    """The token that all users of the process share."""

    def __init__(self, settings: OAuth2Hook, around: Surroundings) -> None:
        super().__init__(settings.early, around.now)
        self._settings = settings
        self._around = around

    async def get(self, refused: bool) -> Pass:
        """Ask the token server."""
        settings, resolve = self._settings, self._around.secrets.resolve
        form = {"grant_type": "client_credentials"}
        form |= {name: value for name, value in (("scope", settings.scope), ("audience", settings.audience)) if value}
        headers = {"content-type": FORM, "accept": "application/json"}
        client, secret = resolve(settings.client_id), resolve(settings.client_secret)
        if settings.credentials == "basic":  # RFC 6749 section 2.3.1: both parts form-encoded
            pair = f"{quote_plus(client)}:{quote_plus(secret)}".encode()
            headers["authorization"] = "Basic " + base64.b64encode(pair).decode()
            self._around.hide(quote_plus(secret))
        else:
            form |= {"client_id": client, "client_secret": secret}
        answer = await self._around.fetch("POST", resolve(settings.token_url), headers, urlencode(form).encode())
        if answer.status != 200:
            kind = FaultKind.server if answer.status >= 500 else FaultKind.rejected
            raise TargetFault(
                kind, f"the token server answers {answer.status}{_words(answer.body)}", status=answer.status
            )
        try:
            granted = msgspec.json.decode(answer.body, type=_Granted)
            life_s = None if granted.expires_in is None else float(granted.expires_in)
        except (ValueError, RecursionError):  # msgspec's errors are ValueErrors
            raise TargetFault(FaultKind.protocol, "the token server's answer has no access_token") from None
        self._around.hide(granted.access_token)
        return Pass({"authorization": f"Bearer {granted.access_token}"}, life_s)


def _words(body: bytes) -> str:
    """Return the code of an error of RFC 6749 section 5.2; never more of the answer, which may repeat what was sent."""
    try:
        found = msgspec.json.decode(body)
    except (ValueError, RecursionError):
        return ""
    error = found.get("error") if isinstance(found, dict) else None
    return f": {error}" if isinstance(error, str) and error in _CODES else ""
