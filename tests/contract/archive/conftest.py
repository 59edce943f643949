"""The forms in which the log of a session can be there, and an archive of each kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from krawall.archive.archive import Archive
from krawall.archive.compact import compact
from krawall.archive.segments import compress, segments
from krawall.ids import new_id
from krawall.testing.buckets import Buckets, s3_server

Form = Callable[[Path], Path]


def _plain(folder: Path) -> Path:
    return folder


def _compressed(folder: Path) -> Path:
    for path in segments(folder / "log").values():
        compress(path)
    return folder


def _mixed(folder: Path) -> Path:
    for path in list(segments(folder / "log").values())[::2]:
        compress(path)
    return folder


def _compacted(folder: Path) -> Path:
    compact(folder)
    return folder


FORMS = {"plain": _plain, "compressed": _compressed, "mixed": _mixed, "compacted": _compacted}


@pytest.fixture(params=FORMS)
def form(request: pytest.FixtureRequest) -> Form:
    """Each way in which a session's log can be there; the same questions have the same answers in all of them."""
    return FORMS[request.param]


@pytest.fixture(scope="session")
def s3() -> Iterator[Buckets]:
    """One server for all tests."""
    with s3_server() as server:
        yield server


@pytest.fixture(params=["file", "s3"])
def archive(request: pytest.FixtureRequest, tmp_path: Path) -> Archive:
    """An empty archive of each kind."""
    if request.param == "file":
        return Archive.open(f"file://{tmp_path}/archive", tmp_path / "cache")
    server: Buckets = request.getfixturevalue("s3")
    return Archive.open(server.make(new_id("bucket").replace("_", "-")), tmp_path / "cache")
