"""Documents in and out, many at a time: YAML files of one document or several, a zip of them, files of the original."""

from __future__ import annotations

import asyncio
import re
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import IO, Any

from krawall.errors import Conflict, DocumentError, KrawallError, Place, TooLarge
from krawall.model.kept import DocumentKind, Kept
from krawall.plugins.assemble import assemble
from krawall.services.authored import KINDS
from krawall.services.documents import Documents, to_yaml
from krawall.services.imports import import_original, is_original
from krawall.wire.yaml import MAX_BYTES, read

MOST_FILES = 2_000
MOST_UNPACKED = 64_000_000  # bytes of all files of a zip together
HELD_IN_MEMORY = 4_000_000
_ENDINGS = (".yaml", ".yml", ".json")
_MARKER = re.compile(r"^---(?=[ \t]|$)", re.MULTILINE)
_UNFIT = re.compile(r"[^\w.-]+")


@dataclass(frozen=True)
class Given:
    """A file that is taken in. `file` is its name, for messages and for targets that do not say theirs."""

    file: str
    text: str


@dataclass(frozen=True)
class Imported:
    """What became of one document: `deed` is created, revised, unchanged or failed. `changes`: what an import put differently."""

    file: str
    deed: str
    kind: DocumentKind | None = None
    name: str = ""
    id: str | None = None
    places: list[Place] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Document:
    file: str
    kind: DocumentKind
    name: str
    body: dict[str, Any] | str
    changes: list[str]


async def take_in(documents: Documents, files: Sequence[Given], actor: str, *, replace: bool = False) -> list[Imported]:
    """Keep the documents of files; each succeeds or fails by itself. `replace`: revise those whose name is taken.

    Raises:
        TooLarge: there are more than 2,000.
    """
    pieces = [piece for given in files for piece in split(given)]
    if len(pieces) > MOST_FILES:
        raise TooLarge(f"{len(pieces):,} documents at once; at most {MOST_FILES:,}")
    return [await _take_one(documents, piece, actor, replace) for piece in pieces]


async def _take_one(documents: Documents, piece: Given, actor: str, replace: bool) -> Imported:
    found: _Document | None = None
    try:
        found = await asyncio.to_thread(_recognise, piece)
        return await _keep(documents, found, actor, replace)
    except DocumentError as error:
        places = error.places
    except KrawallError as error:
        places = [Place("name" if isinstance(error, Conflict) else "", error.message)]
    if found is None:
        return Imported(piece.file, "failed", places=places)
    return Imported(piece.file, "failed", found.kind, found.name, places=places, changes=found.changes)


async def _keep(documents: Documents, found: _Document, actor: str, replace: bool) -> Imported:
    made = await documents.check(found.kind, found.body, otherwise=found.name, label=found.file)
    old = await documents.find(found.kind, made.name)
    note = f"taken in from {found.file}"[:2_000]
    if old is None:
        kept = await documents.create(found.kind, made.body, actor, note, name=made.name, label=found.file)
        deed = "created"
    elif to_yaml(old) == to_yaml(Kept(old.id, old.kind, made.name, 1, "", made.body, 0, 0, "")):
        kept, deed = old, "unchanged"
    elif replace:
        kept = await documents.revise(
            found.kind, old.id, made.body, actor, etag=old.etag, note=note, name=made.name, label=found.file
        )
        deed = "revised" if kept.revision != old.revision else "unchanged"
    else:
        raise Conflict(f"there is a {found.kind.value} {made.name!r} already; say that it may be replaced")
    return Imported(found.file, deed, found.kind, made.name, kept.id, changes=found.changes)


def split(given: Given) -> list[Given]:
    """Return the documents of a YAML stream (YAML 1.2.2 section 9.2), each with the lines before it left blank.

    A line that begins with `---` is a marker wherever it stands: no text of a document can hold one.
    """
    starts = [0, *(match.start() for match in _MARKER.finditer(given.text))]
    parts = []
    for start, end in zip(starts, [*starts[1:], len(given.text)], strict=True):
        text = given.text[start:end]
        if _says_something(text):
            parts.append(Given(given.file, "\n" * given.text.count("\n", 0, start) + text))
    if len(parts) < 2:
        return parts or [given]
    return [Given(f"{part.file}#{number}", part.text) for number, part in enumerate(parts, 1)]


def _says_something(text: str) -> bool:
    lines = (line.strip() for line in text.removeprefix("---").lstrip("\ufeff").splitlines())
    return any(line and not line.startswith(("#", "%", "...")) for line in lines)


def _recognise(piece: Given) -> _Document:
    """Return what kind of document a text is, by its `kind` or by what only one kind has.

    Raises:
        DocumentError: it is none.
    """
    assemble()
    data = read(piece.text, piece.file).data
    if not isinstance(data, dict):
        raise DocumentError(piece.file, [Place("", "is not a document: no mapping of names to values")])
    if is_original(data):
        original = import_original(piece.text, piece.file)
        body = original.scenario.model_dump(mode="json", exclude_unset=True)
        return _Document(piece.file, DocumentKind.scenario, original.scenario.name, body, original.changes)
    kind = _kind_of(data, piece.file)
    name = data.get("name")
    stem = PurePosixPath(piece.file.replace("\\", "/")).stem
    return _Document(piece.file, kind, name if isinstance(name, str) and name else stem, piece.text, [])


def _kind_of(data: dict[str, Any], file: str) -> DocumentKind:
    said = data.get("kind")
    if isinstance(said, str):
        if found := next((kind for kind in KINDS if kind.value == said), None):
            return found
        known = ", ".join(kind.value for kind in KINDS)
        raise DocumentError(file, [Place("kind", f"documents of the kind {said[:60]!r} are not kept; known: {known}")])
    if "steps" in data:
        return DocumentKind.scenario
    if "events" in data:
        return DocumentKind.webhook
    if any(key in data for key in ("preset", "connector", "url")):
        return DocumentKind.target
    raise DocumentError(file, [Place("kind", "is missing: say target, scenario or webhook")])


# zip ----------------------------------------------------------------------------------------------------


def unpack(held: IO[bytes], name: str) -> list[Given]:
    """Return the YAML and JSON files of a zip; others in it are left alone.

    Raises:
        DocumentError: it is no zip, or a file in it is no text.
        TooLarge: it holds too much.
    """
    given = []
    total = 0
    try:
        with zipfile.ZipFile(held) as packed:
            entries = [entry for entry in packed.infolist() if entry.filename.lower().endswith(_ENDINGS)]
            if len(entries) > MOST_FILES:
                raise TooLarge(f"{len(entries):,} files in {name}; at most {MOST_FILES:,}")
            for entry in entries:
                with packed.open(entry) as file:
                    data = file.read(MAX_BYTES + 1)  # whatever the entry says of its size
                total += len(data)
                if len(data) > MAX_BYTES or total > MOST_UNPACKED:
                    raise TooLarge(f"{entry.filename} in {name} is too large")
                given.append(Given(entry.filename, text_of(data, entry.filename)))
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        raise DocumentError(name, [Place("", f"is not a zip that can be read: {error}")]) from None
    return given


def text_of(data: bytes, name: str) -> str:
    """Return the text of a file. Raises DocumentError when it is not UTF-8."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DocumentError(name, [Place("", f"is not UTF-8 text: byte {error.start}")]) from None


async def give_out(documents: Documents, kinds: Sequence[DocumentKind] = KINDS, ids: Sequence[str] = ()) -> IO[bytes]:
    """Return a zip of documents as YAML files, one folder a kind; put away ones too. `ids`: only these, by id or name.

    Raises:
        NotFound: one of `ids` is none of these kinds.
    """
    held: IO[bytes] = tempfile.SpooledTemporaryFile(HELD_IN_MEMORY)  # noqa: SIM115  the caller closes it
    taken: set[str] = set()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as packed:
        if ids:
            found = [await _one_of(documents, kinds, id) for id in ids]
            await asyncio.to_thread(_pack, packed, list({kept.id: kept for kept in found}.values()), taken)
        else:
            for kind in kinds:
                cursor: str | None = None
                while True:
                    page = await documents.list(kind, archived=None, cursor=cursor, limit=100)
                    await asyncio.to_thread(_pack, packed, page.items, taken)
                    cursor = page.next
                    if cursor is None:
                        break
    held.seek(0)
    return held


async def _one_of(documents: Documents, kinds: Sequence[DocumentKind], id: str) -> Kept:
    for kind in kinds[:-1]:
        if found := await documents.find(kind, id):
            return found
    return await documents.get(kinds[-1], id)


def _pack(packed: zipfile.ZipFile, found: Sequence[Kept], taken: set[str]) -> None:
    for kept in found:
        # A fixed date: the same documents make the same file.
        name = next(name for name in _names(kept) if name.casefold() not in taken)
        entry = zipfile.ZipInfo(name)
        entry.compress_type = zipfile.ZIP_DEFLATED
        taken.add(name.casefold())
        packed.writestr(entry, to_yaml(kept))


def _names(kept: Kept) -> Iterator[str]:
    """Yield names for a file: the document's, as far as file systems take it, then with its id."""
    stem = _UNFIT.sub("-", kept.name).strip("-.")[:80] or kept.id
    yield f"{kept.kind.value}s/{stem}.yaml"
    yield f"{kept.kind.value}s/{stem}-{kept.id}.yaml"
