"""What this machine is like: Python and packages, data directory, disk, ports, limits. Looks, and changes nothing."""

from __future__ import annotations

import os
import re
import resource
import shutil
import socket
import stat
import sys
import tempfile
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Literal

from krawall.model.base import Record

LEAST_PYTHON = (3, 11)
DISK_LOW = 2_000_000_000
DISK_GONE = 200_000_000
FILES_LOW = 4096
FILES_GONE = 256
REMOTE = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs", "fuse.s3fs", "fuse.gcsfuse", "afs", "ceph"}
)
"""File systems on which locks of SQLite and of processes cannot be relied on."""

_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)(?:\[[^\]]*\])?\s*(?:>=\s*([0-9][^,;\s]*))?")
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


class Check(Record, frozen=True):
    """One thing that was looked at. `mend`: the way out when it is not ok."""

    name: str
    state: Literal["ok", "warning", "problem"]
    detail: str
    mend: str = ""


def python() -> Check:
    """Look at the interpreter."""
    found = f"{sys.version_info.major}.{sys.version_info.minor}.{sys.version_info.micro} ({sys.executable})"
    if sys.version_info[:2] < LEAST_PYTHON:
        return Check("python", "problem", found, "Krawall needs Python 3.11 or newer")
    return Check("python", "ok", found)


def packages(requirements: Iterable[str] | None = None, installed: Mapping[str, str] | None = None) -> Check:
    """Look whether what we need is installed, and new enough. `requirements`: as in package metadata."""
    needed = list(metadata.requires("krawall") or []) if requirements is None else list(requirements)
    wrong, count = [], 0
    for text in needed:
        found = _REQUIREMENT.match(text)
        marker = text.partition(";")[2]
        if found is None or "extra" in marker or _elsewhere(marker):
            continue
        count += 1
        name, least = found[1], found[2] or "0"
        version = _version(name, installed)
        if version is None:
            wrong.append(f"{name} is missing")
        elif numbers(version) < numbers(least):
            wrong.append(f"{name} {version} is older than {least}")
    if wrong:
        return Check("packages", "problem", "; ".join(wrong), "install them again: pip install --upgrade krawall")
    return Check("packages", "ok", f"all {count} are there and new enough")


def numbers(version: str) -> tuple[int, ...]:
    """Return the numbers of a version in order, trailing zeros left out, so that 1.10 is above 1.9 and 2.0 is 2."""
    found = [int(part) for part in re.findall(r"\d+", version)]
    while found and found[-1] == 0:
        found.pop()
    return tuple(found)


def directory(home: Path, mounts: str | None = None) -> Check:
    """Look whether the data directory can be written, on which file system it is, and who else can read it."""
    there = home
    while not there.exists() and there != there.parent:
        there = there.parent
    if not there.is_dir() or not _writable(there):
        return Check("data directory", "problem", f"{there} cannot be written", "give --data or KRAWALL_DATA")
    kind = file_system(there, _mounts() if mounts is None else mounts)
    on = f", {kind}" if kind else ""
    if there != home:
        return Check("data directory", "ok", f"{home} is not there yet and will be made{on}")
    if kind in REMOTE:
        return Check(
            "data directory",
            "warning",
            f"{home} is on {kind}: locks of SQLite and Valkey cannot be relied on there",
            "give --data on a local disk, or PostgreSQL, a Valkey server and an archive by URL",
        )
    if kind in ("tmpfs", "ramfs"):
        return Check("data directory", "warning", f"{home} is on {kind}: a restart forgets it", "give --data on a disk")
    if home.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        return Check("data directory", "warning", f"others can look into {home}", f"chmod 700 {home}")
    return Check("data directory", "ok", f"{home}{on}")


def file_system(path: Path, mounts: str) -> str:
    """Return the type of the file system that holds `path`, by the lines of /proc/mounts; empty when it is not known."""
    real, best, kind = os.path.realpath(path), "", ""
    for line in mounts.splitlines():
        fields = line.split()
        if len(fields) < 3:
            continue
        point = fields[1].encode().decode("unicode_escape")
        inside = real == point or real.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):
            best, kind = point, fields[2]
    return kind


def disk(home: Path) -> Check:
    """Look how much room is left."""
    there = next(path for path in (home, *home.parents) if path.exists())
    free = shutil.disk_usage(there).free
    told = f"{free / 1e9:.1f} GB free"
    if free < DISK_GONE:
        return Check("disk", "problem", told, "free some; sessions end when the disk is full")
    if free < DISK_LOW:
        return Check("disk", "warning", told, "free some, or set keep_days so that old sessions are deleted")
    return Check("disk", "ok", told)


def open_files(limit: int | None = None) -> Check:
    """Look how many files and sockets a process may have open."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[0] if limit is None else limit
    told = "no limit" if most == resource.RLIM_INFINITY else f"{most} at once"
    if most == resource.RLIM_INFINITY or most >= FILES_LOW:
        return Check("open files", "ok", told)
    state: Literal["warning", "problem"] = "problem" if most < FILES_GONE else "warning"
    return Check("open files", state, f"{told}; every virtual user has a socket", "ulimit -n 65536")


def can_bind(host: str, port: int) -> str:
    """Return why a server could not listen there, or nothing."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        with socket.socket(found[0], found[1]) as bound:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind(found[4])
    except OSError as error:
        return error.strerror or str(error)
    return ""


def browser() -> Check:
    """Look for a browser. Only tests of the pages need one, so none is no problem."""
    for name in _BROWSERS:
        if path := shutil.which(name):
            return Check("chromium", "ok", path)
    return Check("chromium", "ok", "not found; only tests of the web pages need it")


def _elsewhere(marker: str) -> bool:
    """Whether a marker says that the package is not for this platform or Python."""
    if "sys_platform != 'win32'" in marker.replace('"', "'"):
        return sys.platform == "win32"
    if found := re.search(r"python_version\s*<\s*['\"]([0-9.]+)", marker):
        return sys.version_info[:2] >= numbers(found[1])
    return False


def _version(name: str, installed: Mapping[str, str] | None) -> str | None:
    if installed is not None:
        return installed.get(name)
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _writable(folder: Path) -> bool:
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _mounts() -> str:
    try:
        return Path("/proc/mounts").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
