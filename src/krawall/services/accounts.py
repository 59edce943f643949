"""Users with roles, logins of browsers, API tokens: who may come in, and what slows down who guesses.

Secrets of cookies and tokens are random and kept as SHA-256 only; passwords are kept as Argon2id hashes.
"""

from __future__ import annotations

import hashlib
import ipaddress
import math
import re
import secrets
import unicodedata
from collections.abc import Callable, Iterable
from urllib.parse import urlsplit

from krawall.clock import wall_ns
from krawall.errors import Conflict, DocumentError, Forbidden, NotFound, Place, TooMany, Unauthorized
from krawall.model.account import SCOPES, Caller, Role, Scope, Token, User
from krawall.model.base import NS_PER_S, Record
from krawall.model.event import AccountChanged
from krawall.services.passwords import Passwords, check
from krawall.services.throttle import Throttle, Turns, network
from krawall.store.store import Store
from krawall.store.users import FREE_FAILURES

TOKEN_PREFIX = "krw_"
LOGIN_LASTS_S = 12 * 3600
"""A login ends this long after its last request, and at the latest after a week."""
LOGIN_MOST_S = 7 * 86_400
FREE_FAILURES_OF_ADDRESS = 30
FIRST_LOCK_S = 15  # as the store locks users
LONGEST_LOCK_S = 900
_SEEN_EVERY_S = 60  # how old a note of the last use may be: a write per request would be too many
_NAME = re.compile(r"[^\W_][\w.@+-]{0,99}")
_SHOWN_OF_TOKEN = len(TOKEN_PREFIX) + 6
_TOKEN = re.compile(TOKEN_PREFIX + r"[A-Za-z0-9_-]{43}")
_RESERVED = frozenset({"system", "local", "token", "worker"})  # what else events call an actor


class LoggedIn(Record, frozen=True):
    """A fresh login: the cookie's secret, which is kept nowhere, the token against forged requests, and whose it is."""

    secret: str
    csrf: str
    caller: Caller
    expires_ns: int


class KnownLogin(Record, frozen=True):
    """Who a cookie belongs to, and what unsafe requests of it must carry."""

    caller: Caller
    csrf: str


class NewToken(Record, frozen=True):
    """A fresh API token with its secret, which is kept nowhere: it is shown this once."""

    token: Token
    secret: str


def is_loopback(host: str) -> bool:
    """Tell whether a host, as one binds to it or names it in a Host header, is this machine: an address or `localhost`."""
    name = host.strip("[]").rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def needs_account(host: str, public_url: str = "") -> bool:
    """Tell whether a server demands accounts: it binds to more than loopback, or a proxy makes it public."""
    return not is_loopback(host) or (bool(public_url) and not is_loopback(urlsplit(public_url).hostname or ""))


class Accounts:
    """Everything about users, logins and tokens. One per process: it remembers who failed to log in."""

    def __init__(
        self, store: Store, *, now_ns: Callable[[], int] = wall_ns, passwords: Passwords | None = None
    ) -> None:
        self._store = store
        self._now_ns = now_ns
        self._passwords = passwords or Passwords()
        self._addresses = Throttle(free=FREE_FAILURES_OF_ADDRESS, first_s=1.0)
        self._strangers = Throttle(free=FREE_FAILURES, first_s=FIRST_LOCK_S, most_s=LONGEST_LOCK_S, forget_s=None)
        self._turns = Turns()
        self._exist = False

    async def exist(self) -> bool:
        """Tell whether there is any account. Once there is, there always is one: the last admin stays."""
        self._exist = self._exist or await self._store.users.count() > 0
        return self._exist

    async def users(self) -> list[User]:
        """Return all users, by name."""
        return await self._store.users.list()

    async def user(self, id_or_name: str) -> User:
        """Return one user. Raises NotFound."""
        found = await self._store.users.by_name(id_or_name)
        return found[0] if found else await self._store.users.get(id_or_name)

    async def create_user(self, name: str, password: str, role: Role, actor: str) -> User:
        """Make a user.

        Raises:
            DocumentError: the name or the password is not one that is taken.
            Conflict: the name is taken, or the first user would not be an admin.
        """
        name = unicodedata.normalize("NFC", name)
        if not _NAME.fullmatch(name) or name.casefold() in _RESERVED or name.startswith("usr_"):
            raise DocumentError(
                "account", [Place("name", "must be letters, digits and . _ @ + -, at most 100, and not reserved")]
            )
        check(password, name)
        hashed = await self._passwords.hash(password)
        async with self._store.begin() as tx:
            if role is not Role.admin and await self._store.users.count() == 0:
                raise Conflict("the first user must be an admin", hint="give it the role admin")
            user = await self._store.users.create(name, hashed, role, actor, tx=tx)
        self._strangers.succeed(_folded(name))
        return user

    async def change_user(
        self,
        id: str,
        actor: str,
        *,
        role: Role | None = None,
        disabled: bool | None = None,
        password: str | None = None,
    ) -> User:
        """Change a user; what is None stays. A new password, or being disabled, ends the user's logins.

        Raises:
            NotFound: there is no such user.
            Conflict: no admin would be left.
            DocumentError: the password is not one that is taken.
        """
        user = await self.user(id)
        hashed = None
        if password is not None:
            check(password, user.name)
            hashed = await self._passwords.hash(password)
        async with self._store.begin() as tx:
            changed = await self._store.users.change(
                user.id, actor, role=role, disabled=disabled, password_hash=hashed, tx=tx
            )
            if disabled or hashed is not None:
                await self._store.logins.delete_of(user.id, tx=tx)
        return changed

    async def change_password(self, caller: Caller, old: str, new: str, ip: str) -> None:
        """Change one's own password; other logins of the user end.

        Raises:
            Unauthorized: the old password is wrong. TooMany: it was so too often.
            DocumentError: the new one is not one that is taken.
        """
        user = await self._store.users.get(caller.user)
        check(new, user.name)
        await self._verified(user.name, old, ip)
        hashed = await self._passwords.hash(new)
        async with self._store.begin() as tx:
            await self._store.users.change(user.id, caller.name, password_hash=hashed, tx=tx)
            await self._store.logins.delete_of(user.id, besides=caller.login or None, tx=tx)

    async def delete_user(self, id: str, actor: str) -> None:
        """Delete a user with logins and tokens.

        Raises:
            NotFound: there is no such user.
            Conflict: no admin would be left.
        """
        await self._store.users.delete((await self.user(id)).id, actor)

    async def login(self, name: str, password: str, ip: str) -> LoggedIn:
        """Log in. `ip`: where from, as `api.limits.sender` says it.

        Raises:
            Unauthorized: the name or the password is wrong, or the user is disabled; it takes as long for each.
            TooMany: too many wrong passwords for this name or from this address.
        """
        user = await self._verified(name, password, ip)
        now_ns = self._now_ns()
        secret, csrf = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        expires_ns = now_ns + LOGIN_LASTS_S * NS_PER_S
        await self._store.logins.expire(now_ns)
        login = await self._store.logins.create(user.id, _digest(secret), csrf, expires_ns)
        await self._store.events.append(AccountChanged(user.name, "login", f"from {network(ip)}"), user.name)
        return LoggedIn(secret, csrf, Caller(user.name, SCOPES[user.role], user.id, login), expires_ns)

    async def logout(self, caller: Caller) -> None:
        """End the login that a caller came with."""
        if await self._store.logins.delete(caller.login):
            await self._store.events.append(AccountChanged(caller.name, "logout"), caller.name)

    async def caller_of_cookie(self, secret: str) -> KnownLogin | None:
        """Return whose cookie it is; None: nobody's, or it has run out. Using it puts its end off."""
        login = await self._store.logins.by_hash(_digest(secret)) if secret else None
        if login is None:
            return None
        now_ns = self._now_ns()
        if now_ns - login.seen_ns > _SEEN_EVERY_S * NS_PER_S:
            latest_ns = login.created_ns + LOGIN_MOST_S * NS_PER_S
            await self._store.logins.touch(login.id, min(now_ns + LOGIN_LASTS_S * NS_PER_S, latest_ns))
        user = login.user
        return KnownLogin(Caller(user.name, SCOPES[user.role], user.id, login.id), login.csrf)

    async def caller_of_token(self, secret: str) -> Caller | None:
        """Return whose API token it is; None: nobody's, it has run out, or its user is disabled. Scopes are those of the token
        that the user's role has now."""
        token = await self._store.tokens.by_hash(_digest(secret)) if _TOKEN.fullmatch(secret) else None
        if token is None:
            return None
        try:
            user = await self._store.users.get(token.user)
        except NotFound:  # deleted just now
            return None
        if token.used_ns is None or self._now_ns() - token.used_ns > _SEEN_EVERY_S * NS_PER_S:
            await self._store.tokens.touch(token.id)
        return Caller(f"token {token.name}", token.scopes & SCOPES[user.role], user.id)

    async def tokens(self, user: str | None = None) -> list[Token]:
        """Return the tokens of a user (its id), or of all."""
        return await self._store.tokens.list(user)

    async def create_token(
        self, caller: Caller, name: str, scopes: Iterable[Scope], expires_ns: int | None = None
    ) -> NewToken:
        """Make a token of the caller's user.

        Raises:
            Conflict: in local mode there is no user to make it for, or the user has one of that name.
            Forbidden: the caller does not have a scope, or is a token without the scope admin.
            DocumentError: the name cannot be one, no scope is asked for, or it would have run out already.
        """
        if not caller.user:
            raise Conflict("in local mode there are no tokens: nobody needs one", hint="make an account first")
        if not caller.login and Scope.admin not in caller.scopes:
            raise Forbidden("a token makes tokens with the scope admin only", hint="log in to make one")
        wanted = frozenset(scopes)
        if missing := sorted(wanted - caller.scopes):
            raise Forbidden(f"{caller.name} does not have the scope {', '.join(missing)}")
        wrong = []
        if not wanted:
            wrong.append(Place("scopes", "name at least one"))
        if not (name.isprintable() and name.strip() and len(name) <= 100):
            wrong.append(Place("name", "must be 1 to 100 characters that can be seen"))
        if expires_ns is not None and expires_ns <= self._now_ns():
            wrong.append(Place("expires_at", "is over already"))
        if wrong:
            raise DocumentError("token", wrong)
        secret = TOKEN_PREFIX + secrets.token_urlsafe(32)
        token = await self._store.tokens.create(
            caller.user, name, _digest(secret), secret[:_SHOWN_OF_TOKEN], wanted, expires_ns, actor=caller.name
        )
        return NewToken(token, secret)

    async def revoke_token(self, caller: Caller, id: str) -> None:
        """Revoke a token: one's own, or anybody's with the scope admin. Raises NotFound."""
        of = None if Scope.admin in caller.scopes else caller.user
        if id not in {token.id for token in await self._store.tokens.list(of)}:
            raise NotFound(f"no token {id}")
        await self._store.tokens.delete(id, caller.name)

    async def _verified(self, name: str, password: str, ip: str) -> User:
        """Return the user of a name and its password."""
        async with self._turns.of(_folded(name)):  # of many guesses at once, those behind the lock are not looked at
            await self._check_waits(name, ip)
            found = await self._store.users.by_name(name)
            right = await self._passwords.verify(found[1] if found else None, password)
            await self._check_waits(name, ip)  # other processes and names count too
            if found is None or not right or found[0].disabled:
                await self._fail(name, found[0] if found else None, ip)
                raise Unauthorized("the name or the password is wrong")
            user, hashed = found
            await self._store.users.succeeded(user.name)
        if self._passwords.is_outdated(hashed):
            await self._store.users.change(user.id, "system", password_hash=await self._passwords.hash(password))
        return user

    async def _check_waits(self, name: str, ip: str) -> None:
        now_ns = self._now_ns()
        locked_s = (await self._store.users.locked_until(name) - now_ns) / NS_PER_S
        wait_s = max(
            locked_s, self._strangers.wait_s(_folded(name), now_ns), self._addresses.wait_s(network(ip), now_ns)
        )
        if wait_s > 0:
            raise TooMany("too many wrong passwords", retry_after_s=wait_s, hint=f"come again in {math.ceil(wait_s)} s")

    async def _fail(self, name: str, user: User | None, ip: str) -> None:
        """Count a wrong password and tell of it. A name that nobody has is not told: it may be a password."""
        now_ns, address = self._now_ns(), network(ip)
        self._addresses.fail(address, now_ns)
        if user is None:
            self._strangers.fail(_folded(name), now_ns)
            await self._store.events.append(AccountChanged("(unknown)", "refused", f"from {address}"), "system")
            return
        until_ns = await self._store.users.failed(user.name, now_ns)
        deed = "locked" if until_ns > now_ns else "refused"
        await self._store.events.append(AccountChanged(user.name, deed, f"from {address}"), "system")


def _digest(secret: str) -> str:
    """Return what is kept of a random secret of 256 bits: with so many, one round of hashing is enough."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _folded(name: str) -> str:
    return name.casefold()[:200]
