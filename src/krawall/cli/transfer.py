"""`krawall export`, `krawall sessions export` and `report`: from a server into files."""

from __future__ import annotations

import io
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Literal

from krawall.cli.client import Client, Where, name_of
from krawall.cli.files import write_new
from krawall.cli.finding import resolve
from krawall.cli.listing import told
from krawall.conduct import words
from krawall.errors import DocumentError, Place, Unavailable

What = Literal["messages", "conversations", "summary", "ticks"]
Format = Literal["csv", "json", "jsonl", "parquet"]


def export(
    out: Path = Path("krawall-export"),
    /,
    *,
    kind: Literal["target", "scenario", "webhook"] | None = None,
    force: bool = False,
    json: bool = False,
    where: Where = Where(),
) -> None:
    """Write the documents of a server as YAML files, which `krawall import --keep` takes back.

    Parameters
    ----------
    out
        A folder, or a file that ends in .zip.
    kind
        Only these: target, scenario or webhook.
    force
        Replace files that are there already.
    json
        Print the names of the files as one JSON object.
    """
    held = io.BytesIO()
    with Client(where) as client:
        client.download("/export", held, kind=kind)
    if out.suffix == ".zip":
        with _file(out, force) as file:
            file.write(held.getvalue())
        written = [str(out)]
    else:
        written = [str(path) for path in _unpack(held, out, force)]
    many = f"wrote {words.many(len(written), 'file')} to {out}"
    told(json, {"files": written}, many if written else "the server keeps no documents of that kind")


def export_session(
    id: str,
    /,
    *,
    what: What = "messages",
    format: Format = "jsonl",
    out: Path | None = None,
    force: bool = False,
    where: Where = Where(),
) -> None:
    """Write the messages or numbers of a session.

    Parameters
    ----------
    id
        Its id, or `last`.
    what
        messages, conversations, summary or ticks.
    format
        csv, json, jsonl or parquet.
    out
        A file; without it, it goes to standard output.
    force
        Replace a file that is there already.
    """
    if out is None and format == "parquet" and sys.stdout.isatty():
        raise DocumentError("command line", [Place("--out", "name a file: Parquet is not for a terminal")])
    with Client(where) as client:
        path = f"/sessions/{name_of(resolve(client, id))}/export"
        if out is None:
            client.download(path, sys.stdout.buffer, what=what, format=format)
            sys.stdout.buffer.flush()
            return
        with _file(out, force) as file:
            size = client.download(path, file, what=what, format=format)
    print(f"wrote {out}, {words.count(size)} bytes", file=sys.stderr)  # noqa: T201


def report(
    id: str, /, *, out: Path | None = None, force: bool = False, json: bool = False, where: Where = Where()
) -> None:
    """Write the report of a session: one HTML file that needs no network.

    Parameters
    ----------
    id
        Its id, or `last`.
    out
        Where to; default ID.html.
    force
        Replace a file that is there already.
    json
        Print the name of the file as one JSON object.
    """
    with Client(where) as client:
        session = resolve(client, id)
        held = io.BytesIO()
        client.download(f"/sessions/{name_of(session)}/report", held)
    place = out or Path(f"{session}.html")
    write_new(place, held.getvalue().decode("utf-8"), force)
    told(json, {"file": str(place)}, f"wrote {place}")


@contextmanager
def _file(path: Path, force: bool) -> Iterator[BinaryIO]:
    """Write a file whole or not at all: beside its place first, so that one that `force` replaces is not lost to a failure."""
    if path.exists() and not force:
        raise Unavailable(f"{path} is there already", hint="--force replaces it")
    beside = path.with_name(f".{path.name}.new")
    try:
        with open(beside, "wb") as file:
            yield file
        beside.replace(path)
    except OSError as error:
        raise Unavailable(f"cannot write {path}: {error.strerror}") from None
    finally:
        beside.unlink(missing_ok=True)


def _unpack(held: BinaryIO, folder: Path, force: bool) -> Iterator[Path]:
    try:
        with zipfile.ZipFile(held) as archive:
            for name in archive.namelist():
                path = folder / name
                if not path.resolve().is_relative_to(folder.resolve()):
                    raise Unavailable(f"the server names a file outside the folder: {name!r}")
                path.parent.mkdir(parents=True, exist_ok=True)
                write_new(path, archive.read(name).decode("utf-8"), force)
                yield path
    except (OSError, zipfile.BadZipFile) as error:
        raise Unavailable(f"cannot write into {folder}: {error}") from None
