"""Locks of a data directory: one holder or many sharers, and whoever looks disturbs nobody."""

from __future__ import annotations

from pathlib import Path

import pytest

from krawall.cli.locks import USE, WORKER, Holder, holder_of, take
from krawall.errors import Unavailable


def test_one_holds_it_alone_and_says_who_it_is(tmp_path: Path) -> None:
    path = tmp_path / "home" / WORKER
    assert holder_of(path) is None
    lock = take(path)
    assert lock is not None
    assert take(path) is None
    assert holder_of(path) == Holder()
    lock.tell(Holder(4711))
    assert holder_of(path) == Holder(4711)
    lock.tell(Holder(4711, orphan=True))
    assert holder_of(path) == Holder(4711, orphan=True)
    lock.release()
    assert holder_of(path) is None


def test_looking_leaves_the_lock_free(tmp_path: Path) -> None:
    path = tmp_path / WORKER
    first = take(path)
    assert first is not None
    first.release()
    assert holder_of(path) is None
    assert take(path) is not None


def test_the_last_of_many_sharers_can_have_it_alone(tmp_path: Path) -> None:
    path = tmp_path / USE
    one, two = take(path, shared=True), take(path, shared=True)
    assert one is not None
    assert two is not None
    one.release()
    assert take(path) is None, "somebody uses it"
    two.release()
    last = take(path)
    assert last is not None
    assert take(path, shared=True) is None, "who comes now waits"


def test_a_directory_that_cannot_be_used_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="cannot be used") as raised:
        take(tmp_path / "file" / WORKER)
    assert "--data" in str(raised.value.hint)
