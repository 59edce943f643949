from __future__ import annotations

import pytest

from krawall.errors import DocumentError
from krawall.store.urls import parse_url


@pytest.mark.parametrize("written", ["sqlite:////var/k.db", "sqlite+aiosqlite:////var/k.db"])
def test_a_file_of_sqlite(written):
    url = parse_url(written)
    assert (url.drivername, url.database) == ("sqlite+aiosqlite", "/var/k.db")


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+asyncpg"])
def test_a_postgresql_server(scheme):
    url = parse_url(f"{scheme}://me:secret@db.test:5433/krawall?sslmode=require")
    assert url.drivername == "postgresql+asyncpg"
    assert (url.username, url.password, url.host, url.port, url.database) == (
        "me",
        "secret",
        "db.test",
        5433,
        "krawall",
    )
    assert dict(url.query) == {"ssl": "require"}
    assert "secret" not in url.render_as_string(hide_password=True)


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("sqlite:///k.db?mode=ro", "names no file"),
        ("mysql://host/db", "'mysql'"),
        ("postgresql+psycopg://host/db", "'postgresql+psycopg'"),
        ("postgresql://host/db?target_session_attrs=any", "target_session_attrs"),
        ("krawall.db", "is not a URL"),
        ("", "is not a URL"),
        ("postgresql://host:port/db", "is not a URL"),
    ],
)
def test_anything_else_is_refused_in_words_that_help(written, words):
    with pytest.raises(DocumentError) as refused:
        parse_url(written)
    assert words in refused.value.places[0].message
    assert refused.value.places[0].path == "database"
    assert "sqlite:///FILE" in str(refused.value)
