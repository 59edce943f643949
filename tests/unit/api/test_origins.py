"""Addresses are shown without what opens a door."""

from __future__ import annotations

import pytest

from krawall.api.origins import bare


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://ada:secret@db:5432/krawall", "postgresql://ada:***@db:5432/krawall"),
        ("redis://:secret@[::1]:6379/0", "redis://:***@[::1]:6379/0"),
        ("s3://bucket/prefix?key=secret&region=x", "s3://bucket/prefix?hidden"),
        ("sqlite:///srv/krawall.db", "sqlite:///srv/krawall.db"),
        ("unix:///run/valkey.sock", "unix:///run/valkey.sock"),
        ("http://ada@host/", "http://ada@host/"),
        ("http://[secret", "hidden"),
        ("http://host/#secret", "http://host/"),
    ],
)
def test_no_password_and_no_query(url, shown):
    assert bare(url) == shown
