"""Routes of logins, users and API tokens. A login is a cookie and a token against forged requests; a token is shown once."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import AwareDatetime, Field

from krawall.api.auth import Admin, Known, csrf_of, give_cookie, take_cookie
from krawall.api.bodies import Body
from krawall.api.limits import sender
from krawall.api.records import View
from krawall.api.shapes import Page, nanoseconds
from krawall.clock import iso
from krawall.errors import Forbidden
from krawall.model.account import LOCAL, Caller, Role, Scope, Token, User
from krawall.services.accounts import LOGIN_MOST_S, Accounts

router = APIRouter(prefix="/api/v1", tags=["accounts"])

Name = Annotated[str, Field(min_length=1, max_length=100)]
Password = Annotated[str, Field(min_length=1, max_length=1024)]


class Login(Body):
    """A name and its password."""

    name: Name
    password: Password


class NewUser(Body):
    """A user to make. The first one must be an admin; with it the server demands logins."""

    name: Name
    password: Password
    role: Role = Role.operator


class UserChange(Body):
    """What to change of a user; what is left out stays. A new password ends the user's logins."""

    role: Role | None = None
    disabled: bool | None = None
    password: Password | None = None


class PasswordChange(Body):
    """One's own new password, with the old one."""

    old: Password
    new: Password


class TokenWish(Body):
    """A token to make. It never may do more than its user: scopes are cut to the user's role at each request."""

    name: Name
    scopes: Annotated[set[Scope], Field(min_length=1)] = {Scope.read}
    expires_at: AwareDatetime | None = Field(None, description="null: when it is revoked")


class Me(View):
    """Who is calling. `csrf`: what unsafe requests of a login send as X-CSRF-Token; `local`: no accounts are needed here."""

    name: str
    user: str | None
    scopes: list[Scope]
    local: bool
    csrf: str | None


class UserView(View):
    """A user."""

    id: str
    name: str
    role: Role
    disabled: bool
    created_at: AwareDatetime
    seen_at: AwareDatetime | None


class TokenView(View):
    """A token without its secret. `prefix`: how it begins, to know it by."""

    id: str
    name: str
    user: str
    scopes: list[Scope]
    prefix: str
    created_at: AwareDatetime
    expires_at: AwareDatetime | None
    used_at: AwareDatetime | None


class NewToken(View):
    """A fresh token. `secret` is shown this once."""

    token: TokenView
    secret: str


@router.post("/login", summary="Log in with name and password; answers with a cookie")
async def log_in(request: Request, response: Response, login: Login) -> Me:
    """The cookie is HttpOnly; `csrf` of the answer goes into X-CSRF-Token of each unsafe request."""
    made = await _accounts(request).login(login.name, login.password, sender(request.scope))
    give_cookie(request, response, made.secret, LOGIN_MOST_S)
    return _me(made.caller, made.csrf)


@router.post("/logout", status_code=204, summary="End this login")
async def log_out(request: Request, response: Response, caller: Known) -> None:
    """Other logins of the user stay."""
    if caller.login:
        await _accounts(request).logout(caller)
    take_cookie(request, response)


@router.get("/me", summary="Who is calling, and what may they do")
async def me(request: Request, caller: Known) -> Me:
    """Also says whether the server is in local mode."""
    return _me(caller, csrf_of(request))


@router.post("/me/password", status_code=204, summary="Change one's own password")
async def change_own_password(request: Request, caller: Known, change: PasswordChange) -> None:
    """Ends all other logins of the user. Only from a login: a token cannot take an account over."""
    if not caller.login:
        raise Forbidden("a password is changed from a login, not with a token")
    await _accounts(request).change_password(caller, change.old, change.new, sender(request.scope))


@router.get("/users", summary="All users")
async def list_users(request: Request, caller: Admin) -> Page[UserView]:
    """They are few: one page holds them."""
    return Page(items=[_user(each) for each in await _accounts(request).users()], next=None)


@router.post("/users", status_code=201, summary="Make a user")
async def create_user(request: Request, caller: Admin, wish: NewUser) -> UserView:
    """The first one must be an admin. In local mode this ends local mode."""
    return _user(await _accounts(request).create_user(wish.name, wish.password, wish.role, caller.name))


@router.get("/users/{id}", summary="One user")
async def get_user(request: Request, id: str, caller: Admin) -> UserView:
    """By id or name."""
    return _user(await _accounts(request).user(id))


@router.patch("/users/{id}", summary="Change a user's role or password, disable or enable them")
async def change_user(request: Request, id: str, caller: Admin, change: UserChange) -> UserView:
    """A disabled user's logins and tokens stop working at once. The last admin stays one."""
    return _user(
        await _accounts(request).change_user(
            id, caller.name, role=change.role, disabled=change.disabled, password=change.password
        )
    )


@router.delete("/users/{id}", status_code=204, summary="Delete a user with their logins and tokens")
async def delete_user(request: Request, id: str, caller: Admin) -> None:
    """The last admin stays."""
    await _accounts(request).delete_user(id, caller.name)


@router.get("/tokens", summary="One's own tokens, or everybody's")
async def list_tokens(
    request: Request, caller: Known, all: Annotated[bool, Query(description="of all users; for admins")] = False
) -> Page[TokenView]:
    """Without secrets."""
    if all and Scope.admin not in caller.scopes:
        raise Forbidden("only admins see the tokens of others")
    found = await _accounts(request).tokens(None if all or caller == LOCAL else caller.user)
    return Page(items=[_token(each) for each in found], next=None)


@router.post("/tokens", status_code=201, summary="Make a token; its secret is shown this once")
async def create_token(request: Request, caller: Known, wish: TokenWish) -> NewToken:
    """Of the user who asks, with no more scopes than they have."""
    made = await _accounts(request).create_token(
        caller, wish.name, wish.scopes, nanoseconds(wish.expires_at) if wish.expires_at else None
    )
    return NewToken(token=_token(made.token), secret=made.secret)


@router.delete("/tokens/{id}", status_code=204, summary="Revoke a token")
async def revoke_token(request: Request, id: str, caller: Known) -> None:
    """One's own; admins revoke anybody's."""
    await _accounts(request).revoke_token(caller, id)


def _accounts(request: Request) -> Accounts:
    accounts: Accounts = request.app.state.krawall.accounts
    return accounts


def _me(caller: Caller, csrf: str) -> Me:
    return Me(
        name=caller.name,
        user=caller.user or None,
        scopes=sorted(caller.scopes),
        local=caller == LOCAL,
        csrf=csrf or None,
    )


def _user(user: User) -> UserView:
    return UserView.model_validate(
        {
            "id": user.id,
            "name": user.name,
            "role": user.role,
            "disabled": user.disabled,
            "created_at": iso(user.created_ns),
            "seen_at": iso(user.seen_ns) if user.seen_ns is not None else None,
        }
    )


def _token(token: Token) -> TokenView:
    return TokenView.model_validate(
        {
            "id": token.id,
            "name": token.name,
            "user": token.user,
            "scopes": sorted(token.scopes),
            "prefix": token.prefix,
            "created_at": iso(token.created_ns),
            "expires_at": iso(token.expires_ns) if token.expires_ns is not None else None,
            "used_at": iso(token.used_ns) if token.used_ns is not None else None,
        }
    )
