"""What `krawall doctor` says of a machine: versions, directories, file systems, limits."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krawall.services import machine

MOUNTS = """\
/dev/sda1 / ext4 rw 0 0
tmpfs /run/fast tmpfs rw 0 0
server:/data /srv/shared\\040files nfs4 rw 0 0
server:/data /srv/sharedtoo nfs rw 0 0
broken line
"""


@given(st.lists(st.integers(0, 99), min_size=1, max_size=4), st.lists(st.integers(0, 99), min_size=1, max_size=4))
def test_versions_are_compared_as_numbers(one: list[int], other: list[int]) -> None:
    def padded(parts: list[int]) -> list[int]:
        return parts + [0] * (4 - len(parts))

    text_one, text_other = ".".join(map(str, one)), ".".join(map(str, other))
    assert (machine.numbers(text_one) < machine.numbers(text_other)) == (padded(one) < padded(other))


def test_missing_and_old_packages_are_named_with_what_is_needed() -> None:
    needed = ["one>=1.10", "two[extra]>=2", "three", "four>=1; extra == 'all'", "five>=1; sys_platform == 'plan9'"]
    check = machine.packages(needed, {"one": "1.9.5", "three": "0.1", "five": "1"})
    assert check.state == "problem"
    assert check.detail == "one 1.9.5 is older than 1.10; two is missing"
    fine = machine.packages(needed, {"one": "1.10", "two": "2.0.post1", "three": "0.1", "five": "3"})
    assert (fine.state, fine.detail) == ("ok", "all 4 are there and new enough")


def test_what_we_are_installed_with_is_enough() -> None:
    assert machine.packages().state == "ok"
    assert machine.python().state == "ok"


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/home/me", "ext4"), ("/run/fast", "tmpfs"), ("/run/fast/x", "tmpfs"), ("/run/faster", "ext4"),
     ("/srv/shared files/x", "nfs4"), ("/srv/sharedtoo", "nfs")],
)  # fmt: skip
def test_the_innermost_mount_counts(path: str, kind: str) -> None:
    assert machine.file_system(Path(path), MOUNTS) == kind


def test_a_data_directory_is_fine_when_it_is_ours_alone(tmp_path: Path) -> None:
    home = tmp_path / "home"
    mounts = f"disk {tmp_path} ext4 rw 0 0\n"
    not_yet = machine.directory(home, mounts)
    assert (not_yet.state, "will be made" in not_yet.detail) == ("ok", True)
    assert not home.exists()
    home.mkdir(mode=0o755)
    open_to_others = machine.directory(home, mounts)
    assert (open_to_others.state, open_to_others.mend) == ("warning", f"chmod 700 {home}")
    home.chmod(0o700)
    assert machine.directory(home, mounts) == machine.Check("data directory", "ok", f"{home}, ext4")


@pytest.mark.parametrize("kind", ["nfs4", "tmpfs"])
def test_file_systems_that_forget_or_do_not_lock_are_warned_of(kind: str, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    check = machine.directory(home, f"what {tmp_path} {kind} rw 0 0\n")
    assert check.state == "warning"
    assert kind in check.detail


def test_a_file_in_the_way_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert machine.directory(tmp_path / "file" / "home").state == "problem"


@pytest.mark.parametrize(("limit", "state"), [(100, "problem"), (1024, "warning"), (65_536, "ok"), (-1, "ok")])
def test_few_open_files_are_few_users(limit: int, state: str) -> None:
    assert machine.open_files(limit).state == state


def test_there_is_room_here(tmp_path: Path) -> None:
    assert "GB free" in machine.disk(tmp_path / "not" / "there").detail
