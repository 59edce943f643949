"""The files that pages load: named by their content, kept in memory, packed once. A name changes with what it stands for.

Style sheets of `static/css` become one `app.css`, in order of their names; those beside it belong to some pages alone. A file
may refer to another (`url(inter.woff2)`, `from "./dom.js"`); what is served refers to the other's full name, so everything can
be cached for ever.
"""

from __future__ import annotations

import functools
import gzip
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from krawall.errors import Internal, Unavailable

STATIC = Path(__file__).parent / "static"
PREFIX = "/static/"
MEDIA = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
    ".json": "application/speculationrules+json",
}
PACKED = {".css", ".js", ".svg", ".json"}
SHEET = "app.css"
_REFERENCES = {
    ".css": re.compile(r"(url\()([\w.-]+)(\))"),
    ".js": re.compile(r"""((?:from|import) ")\./([\w.-]+)(")"""),
}


@dataclass(frozen=True)
class Asset:
    """One file as it is served. `packed`: the same gzipped, empty where that saves nothing."""

    url: str
    body: bytes
    packed: bytes
    media: str


def asset(name: str) -> str:
    """Return the path at which a file is served: `/static/app.3f2a91c0.css`.

    Raises:
        Internal: there is no such file.
        Unavailable: the set-up has not brought in what the pages load.
    """
    found = assets().get(name)
    if found is None:
        raise Internal(f"the pages have no file {name!r}")
    return found.url


@functools.cache
def assets() -> Mapping[str, Asset]:
    """Return every file by its plain name. Reads them once.

    Raises:
        Unavailable: the set-up has not brought in what the pages load.
    """
    vendor = STATIC / "vendor"
    if not (vendor / "icons.svg").is_file():
        raise Unavailable(
            "the files of the pages are missing", hint="run `make setup`, or python -m krawall.web.vendor"
        )
    files = [path for folder in (STATIC, vendor) for path in folder.iterdir() if path.suffix in MEDIA]
    bodies = {path.name: path.read_bytes() for path in files}
    sheets = sorted((STATIC / "css").glob("*.css"))
    bodies[SHEET] = b"\n".join(path.read_bytes() for path in sheets)
    own = {SHEET, *(path.name for path in STATIC.iterdir() if path.suffix in (".js", ".css"))}
    bodies |= {name: lean(bodies[name].decode(), Path(name).suffix).encode() for name in own}
    made: dict[str, Asset] = {}
    for name in bodies:
        _make(name, bodies, made)
    return made


def lean(text: str, suffix: str) -> str:
    """Return a script or a style sheet of ours without what only people read: comments for types, indentation, empty lines.

    Comments within a line of a script stay: no regular expression knows where a string ends. No script of ours has a
    template of many lines, which a test asserts.
    """
    if suffix == ".css":
        text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
        return re.sub(r" *([{};]) *", r"\1", re.sub(r"\s+", " ", text)).strip()
    text = re.sub(r"^\s*/\*\*(?:[^*]|\*(?!/))*\*/[ \t]*", "", text, flags=re.MULTILINE)
    lines = (line.strip() for line in text.splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("//"))


def _make(name: str, bodies: Mapping[str, bytes], made: dict[str, Asset]) -> Asset:
    """Return a file with its references filled in. Files that refer to each other in a circle do not exist here."""
    if name in made:
        return made[name]
    stem, suffix = Path(name).stem, Path(name).suffix
    body = bodies[name]
    if references := _REFERENCES.get(suffix):
        text = references.sub(
            lambda found: (
                f"{found[1]}{_make(found[2], bodies, made).url}{found[3]}" if found[2] in bodies else found[0]
            ),
            body.decode(),
        )
        body = text.encode()
    digest = hashlib.sha256(body).hexdigest()[:10]
    packed = gzip.compress(body, 9, mtime=0) if suffix in PACKED else b""
    made[name] = Asset(f"{PREFIX}{stem}.{digest}{suffix}", body, packed, MEDIA[suffix])
    return made[name]


@functools.cache
def served() -> Mapping[str, Asset]:
    """Return every file by the path that it is served at."""
    return {each.url: each for each in assets().values()}
