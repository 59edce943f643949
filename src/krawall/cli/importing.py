"""`krawall import`: files of the original product become ours; files, folders and played sessions go into a server."""

from __future__ import annotations

import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from krawall.cli.bodies import inlined, read_source
from krawall.cli.client import Client, Where
from krawall.cli.files import write_new
from krawall.cli.listing import say
from krawall.cli.output import print_json
from krawall.errors import DocumentError, KrawallError, NotFound, Place
from krawall.plugins.assemble import write_scenario
from krawall.services.imports import import_original
from krawall.wire.yaml import write

_PIECE = 1 << 20
_TAR = (".tar", ".tar.gz", ".tgz")


def import_(
    *paths: Path,
    keep: bool = False,
    replace: bool = False,
    out: Path | None = None,
    force: bool = False,
    json: bool = False,
    where: Where = Where(),
) -> int:
    """Turn a scenario file of the original product into one of ours; or take files and sessions into a server.

    One file alone is turned into ours and printed. With --keep, and always for folders and several paths, what is named goes
    into a server: YAML files of targets, scenarios and webhooks (ours or the original's), folders of them, and sessions that
    `krawall run` has written.

    Parameters
    ----------
    paths
        A file of the original, flat or nested. For a server: files, folders, directories or .tar.gz of sessions.
    keep
        Keep it on a server.
    replace
        For a server: a document that is there gets a new revision. Without it, its name is taken.
    out
        Where to write ours; without it, it goes to standard output.
    force
        Replace a file that is there already.
    json
        Print one JSON object: the YAML and the list of changes; for a server, what became of each file.
    """
    if not paths:
        raise DocumentError("command line", [Place("", "name a file to import")])
    if len(paths) == 1 and not keep and not paths[0].is_dir() and not _is_session(paths[0]):
        _convert(paths[0], out, force, json)
        return 0
    if out is not None:
        raise DocumentError("command line", [Place("--out", "is for one file of the original, without --keep")])
    return _take_in(paths, replace, json, where)


def _convert(file: Path, out: Path | None, force: bool, json: bool) -> None:
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise NotFound(f"cannot read {str(file)!r}: {error}") from None
    try:
        imported = import_original(text, str(file))
    except DocumentError as error:
        if any(place.path == "flowConfig" for place in error.places):
            raise DocumentError(str(file), error.places, hint="--keep keeps a file of ours on a server") from None
        raise
    written = write_scenario(imported.scenario)
    if out is not None:
        write_new(out, written, force)
    if json:
        print_json({"yaml": written, "changes": imported.changes, "out": str(out) if out else None})
        return
    for change in imported.changes:
        print(f"changed: {change}", file=sys.stderr)  # noqa: T201
    print(f"wrote {out}" if out else written, end="\n" if out else "")  # noqa: T201


# into a server ------------------------------------------------------------------------------------------


def _take_in(paths: tuple[Path, ...], replace: bool, json: bool, where: Where) -> int:
    sessions = [path for path in paths if _is_session(path)]
    results: list[dict[str, Any]] = []
    with Client(where) as client:
        texts = _texts([path for path in paths if path not in sessions], results)
        if texts:
            results += client.send_files("/import", texts, replace=replace)["results"]
        for path in sessions:
            results.append(_session(client, path))
    failed = [result for result in results if result["deed"] == "failed"]
    if json:
        print_json({"results": results})
    else:
        for result in results:
            _told(result)
        if not results:
            say("no YAML files and no sessions there")
    return 2 if failed else 0


def _texts(paths: list[Path], results: list[dict[str, Any]]) -> dict[str, bytes]:
    """Return what to send by file name; files that are wrong already here become results."""
    texts = {}
    for file in _files(paths):
        try:
            texts[str(file)] = _text(file).encode()
        except DocumentError as error:
            places = [{"path": place.path, "line": place.line, "message": place.message} for place in error.places]
            results.append({"file": str(file), "deed": "failed", "errors": places})
    return texts


def _files(paths: list[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(file for file in path.rglob("*") if file.suffix in (".yaml", ".yml"))
        else:
            yield path


def _text(file: Path) -> str:
    """Return a document as the server takes it: rows stand in it, since the server does not have the author's data file."""
    source = read_source(file)
    data = source.data
    if isinstance(data, dict) and "steps" in data and isinstance(data.get("data"), dict) and "file" in data["data"]:
        return write(inlined(source, file.parent))
    return file.read_text(encoding="utf-8")


def _is_session(path: Path) -> bool:
    return (path / "manifest.json").is_file() or (path.is_file() and path.name.endswith(_TAR))


def _session(client: Client, path: Path) -> dict[str, Any]:
    try:
        if path.is_file():
            with open(path, "rb") as file:
                made = client.send_file("/sessions/import", _pieces(file), "application/gzip")
        else:
            with tempfile.TemporaryFile(prefix="krawall-import-") as packed:
                _pack(path, packed)
                made = client.send_file("/sessions/import", _pieces(packed), "application/gzip")
    except KrawallError as error:
        return {"file": str(path), "deed": "failed", "errors": [{"path": "", "line": None, "message": error.message}]}
    return {
        "file": str(path),
        "kind": "session",
        "name": made["name"],
        "id": made["id"],
        "deed": "created",
        "errors": [],
    }


def _pack(folder: Path, packed: BinaryIO) -> None:
    with tarfile.open(fileobj=packed, mode="w:gz", compresslevel=3) as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file() and not file.is_symlink():
                archive.add(file, arcname=file.relative_to(folder).as_posix(), recursive=False)
    packed.seek(0)


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    while piece := file.read(_PIECE):
        yield piece


def _told(result: dict[str, Any]) -> None:
    for change in result.get("changes") or []:
        print(f"{result['file']}: changed: {change}", file=sys.stderr)  # noqa: T201
    if result["deed"] != "failed":
        say(f"{result['deed']} {result['kind']} {result['name']} ({result['file']})")
        return
    print(f"failed: {result['file']}", file=sys.stderr)  # noqa: T201
    for place in result.get("errors") or []:
        line = f" (line {place['line']})" if place.get("line") else ""
        print(f"  {place.get('path') or 'document'}{line}: {place['message']}", file=sys.stderr)  # noqa: T201
