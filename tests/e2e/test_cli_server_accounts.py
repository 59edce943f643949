"""Users and tokens on the database itself, as on a machine whose server is not running yet."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from krawall.testing.commands import Ran, krawall

PASSWORD = "correct horse battery staple"


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Ran]:
    """Run a command on a data directory of its own; `said` is what comes on standard input."""

    def ran(*arguments: str, said: str = "") -> Ran:
        return krawall(*arguments, "--data", tmp_path / "data", cwd=tmp_path, said=said)

    return ran


def test_users_come_change_and_go(run: Callable[..., Ran]) -> None:
    assert "krawall users create NAME --role admin" in run("users", "list").out
    first = run("users", "create", "bo", "--role", "viewer", said=PASSWORD)
    assert first.code == 2
    assert "admin" in first.err
    assert run("users", "create", "ann", "--role", "admin", said=PASSWORD).out == "made admin ann\n"
    short = run("users", "create", "bo", said="short\n")
    assert (short.code, "at least 12" in short.err) == (2, True)
    assert run("users", "create", "bo", said="").code == 2, "no password"
    assert run("users", "create", "bo", "--json", said=PASSWORD + "\n").json["role"] == "operator"
    assert run("users", "role", "bo", "viewer", "--json").json["role"] == "viewer"
    assert run("users", "password", "bo", said="another horse, another staple").code == 0
    assert run("users", "disable", "bo", "--json").json["disabled"] is True
    assert run("users", "enable", "bo").out == "bo is enabled\n"
    assert run("users", "role", "ann", "viewer").code == 2, "an admin must be left"
    assert run("users", "delete", "bo").out == "deleted user bo\n"
    assert [one["name"] for one in run("users", "list", "--json").json] == ["ann"]
    assert run("users", "role", "nobody", "admin").code == 2


def test_tokens_are_shown_once_and_revoked(run: Callable[..., Ran]) -> None:
    assert run("tokens", "create", "ci").code == 2, "there is nobody to have one"
    run("users", "create", "ann", "--role", "admin", said=PASSWORD)
    made = run("tokens", "create", "ci")
    assert made.out.startswith("krw_")
    assert len(made.out.split()) == 1, "the secret alone, so that a script can take it"
    narrow = run("tokens", "create", "looker", "--scope", "read", "--days", "3", "--json").json
    assert narrow["token"]["scopes"] == ["read"]
    assert narrow["token"]["expires_at"]
    listed = run("tokens", "list", "--json")
    assert {one["name"] for one in listed.json} == {"ci", "looker"}
    assert made.out.strip() not in listed.out
    assert run("tokens", "revoke", narrow["token"]["id"]).code == 0
    assert run("tokens", "revoke", narrow["token"]["id"]).code == 2
    run("users", "create", "bo", "--role", "viewer", said=PASSWORD)
    assert "--user" in run("tokens", "create", "more").err
    assert run("tokens", "create", "more", "--user", "bo", "--scope", "admin").code == 2, "bo may not"
    assert run("tokens", "create", "more", "--user", "bo", "--json").json["token"]["scopes"] == ["read"]
    assert [one["user"] for one in run("tokens", "list", "--user", "bo", "--json").json] == ["bo"]
