"""Who may do what: users with roles, and API tokens with scopes."""

from __future__ import annotations

from enum import StrEnum

from krawall.model.base import Record


class Role(StrEnum):
    """A user's role."""

    admin = "admin"
    operator = "operator"
    viewer = "viewer"


class Scope(StrEnum):
    """What a request may do: look, play sessions and write documents, or look after accounts and credentials."""

    read = "read"
    run = "run"
    admin = "admin"


SCOPES: dict[Role, frozenset[Scope]] = {
    Role.viewer: frozenset({Scope.read}),
    Role.operator: frozenset({Scope.read, Scope.run}),
    Role.admin: frozenset(Scope),
}


class Caller(Record, frozen=True):
    """Who makes a request. `name` is what events call the actor."""

    name: str
    scopes: frozenset[Scope]
    user: str = ""  # id; empty in local mode
    login: str = ""  # id of the server-side session of a browser; empty for tokens


LOCAL = Caller("local", frozenset(Scope))
"""Whoever reaches a server that binds to loopback and has no accounts."""


class User(Record, frozen=True):
    """An account. The password's hash is not part of it."""

    id: str
    name: str
    role: Role
    disabled: bool
    created_ns: int
    seen_ns: int | None = None


class Token(Record, frozen=True):
    """An API token, without its secret. `prefix`: its first characters, to know it by."""

    id: str
    name: str
    user: str
    scopes: frozenset[Scope]
    prefix: str
    created_ns: int
    expires_ns: int | None = None
    used_ns: int | None = None
