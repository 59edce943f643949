"""What `krawall targets`, `krawall scenarios` and `krawall webhooks` share: documents of one kind behave alike."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from krawall.cli.asking import Yes, sure
from krawall.cli.bodies import Body, read_body
from krawall.cli.client import Client, Where, name_of
from krawall.cli.listing import print_list, told, when
from krawall.cli.output import print_json
from krawall.errors import DocumentError, NotFound, Unavailable


class Documents:
    """The commands of one kind of document. `kind` is the word of the API, such as `targets`."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.word = kind.removesuffix("s")

    def list(
        self, *, search: str = "", archived: bool = False, limit: int = 100, json: bool = False, where: Where = Where()
    ) -> None:
        """List them by name.

        Parameters
        ----------
        search
            Text that the name holds.
        archived
            Those that were archived, instead of the others.
        limit
            At most so many.
        json
            Print a JSON list.
        """
        with Client(where) as client:
            found = list(client.pages(f"/{self.kind}", limit, search=search, archived=archived))
        if json:
            return print_json(found)
        rows = [[item["name"], item["revision"], when(item["updated_at"]), item["actor"], item["id"]] for item in found]
        empty = f"no {self.kind} yet: `krawall {self.kind} create FILE` keeps one"
        print_list(
            ["name", "revision", "updated", "by", "id"],
            rows,
            right=["revision"],
            empty=empty if not (search or archived) else f"no {self.kind} like that",
        )
        return None

    def show(self, name: str, /, *, revision: int | None = None, json: bool = False, where: Where = Where()) -> None:
        """Print one as YAML.

        Parameters
        ----------
        name
            Its name or id.
        revision
            An earlier revision.
        json
            Print the document with its facts as one JSON object.
        """
        with Client(where) as client:
            found = self.find(client, name)
            at = f"/{self.kind}/{found['id']}"
            if json:
                print_json(client.get(at, revision=revision) if revision else found)
            else:
                sys.stdout.write(client.text(at, "application/yaml", revision=revision))

    def create(
        self, file: Path, /, *, name: str | None = None, note: str = "", json: bool = False, where: Where = Where()
    ) -> None:
        """Keep a YAML file on the server. Rows of a scenario's data file go with it.

        Parameters
        ----------
        file
            The file.
        name
            What to call it, instead of the name in the file.
        note
            A word on it, for the history.
        json
            Print the document as one JSON object.
        """
        body = read_body(self.kind, file, name)
        with Client(where) as client, _lines_of(body):
            kept = client.post(f"/{self.kind}", _sent(body, note))
        self._told(kept, "created", json)

    def update(self, name: str, file: Path, /, *, note: str = "", json: bool = False, where: Where = Where()) -> None:
        """Replace one by a YAML file, as a new revision. It keeps its name.

        Parameters
        ----------
        name
            Its name or id.
        file
            The file.
        note
            A word on the change, for the history.
        json
            Print the document as one JSON object.
        """
        with Client(where) as client:
            found = self.find(client, name)
            self._told(self._revise(client, found, read_body(self.kind, file, found["name"]), note), "revised", json)

    def edit(self, name: str, /, *, note: str = "", json: bool = False, where: Where = Where()) -> None:
        """Change one in your editor (VISUAL or EDITOR), its name too. Somebody else's change in between is not overwritten.

        Parameters
        ----------
        name
            Its name or id.
        note
            A word on the change, for the history.
        json
            Print the document as one JSON object.
        """
        with Client(where) as client:
            found = self.find(client, name)
            text = client.text(f"/{self.kind}/{found['id']}", "application/yaml")
            file = Path(tempfile.mkstemp(prefix=f"krawall-{self.word}-", suffix=".yaml")[1])
            file.write_text(text, encoding="utf-8")
            _edit(file)
            if file.read_text(encoding="utf-8") == text:
                file.unlink()
                return told(json, found, "nothing changed")
            with ExitStack() as undo:
                undo.callback(print, f"your change is in {file}", file=sys.stderr)
                kept = self._revise(client, found, read_body(self.kind, file), note)
                undo.pop_all()
        file.unlink()
        return self._told(kept, "revised", json)

    def duplicate(self, name: str, new: str, /, *, json: bool = False, where: Where = Where()) -> None:
        """Make a copy under another name.

        Parameters
        ----------
        name
            Its name or id.
        new
            The copy's name.
        json
            Print the copy as one JSON object.
        """
        with Client(where) as client:
            found = self.find(client, name)
            self._told(client.post(f"/{self.kind}/{found['id']}/duplicate", {"name": new}), "created", json)

    def archive(self, name: str, /, *, json: bool = False, where: Where = Where()) -> None:
        """Put one away: it is kept, and no longer listed.

        Parameters
        ----------
        name
            Its name or id.
        json
            Print the document as one JSON object.
        """
        self._deed(name, "archive", "archived", json, where)

    def restore(self, name: str, /, *, json: bool = False, where: Where = Where()) -> None:
        """Take one back from the archive.

        Parameters
        ----------
        name
            Its name or id.
        json
            Print the document as one JSON object.
        """
        self._deed(name, "restore", "restored", json, where)

    def history(self, name: str, /, *, limit: int = 50, json: bool = False, where: Where = Where()) -> None:
        """List its revisions, newest first.

        Parameters
        ----------
        name
            Its name or id.
        limit
            At most so many.
        json
            Print a JSON list.
        """
        with Client(where) as client:
            found = self.find(client, name)
            revisions = list(client.pages(f"/{self.kind}/{found['id']}/revisions", limit))
        if json:
            return print_json(revisions)
        rows = [[item["revision"], when(item["updated_at"]), item["actor"], item["note"]] for item in revisions]
        print_list(["revision", "at", "by", "note"], rows, right=["revision"], empty="no revisions")
        return None

    def diff(
        self,
        name: str,
        old: int | None = None,
        new: int | None = None,
        /,
        *,
        json: bool = False,
        where: Where = Where(),
    ) -> None:
        """Print what changed between two revisions.

        Parameters
        ----------
        name
            Its name or id.
        old
            The earlier revision; the one before the newest.
        new
            The later revision; the newest.
        json
            Print one JSON object.
        """
        with Client(where) as client:
            found = self.find(client, name)
            later = new or found["revision"]
            earlier = old or max(1, later - 1)
            path = f"/{self.kind}/{found['id']}/diff"
            answer = client.get(path, **{"from": earlier, "to": later})
        if json:
            print_json(answer)
        else:
            sys.stdout.write(answer["diff"])

    def delete(self, name: str, /, *, yes: Yes = False, json: bool = False, where: Where = Where()) -> None:
        """Delete one with its history. Sessions that used it keep their plan.

        Parameters
        ----------
        name
            Its name or id.
        yes
            Do not ask.
        json
            Print one JSON object.
        """
        with Client(where) as client:
            found = self.find(client, name)
            if sure(f"delete {self.word} {found['name']} and its {found['revision']} revisions?", yes):
                client.delete(f"/{self.kind}/{found['id']}")
                told(json, {"deleted": found["id"]}, f"deleted {self.word} {found['name']}")

    def find(self, client: Client, name: str) -> dict[str, Any]:
        """Return the document of a name or id.

        Raises:
            NotFound: there is none.
        """
        if "/" not in name:
            found: dict[str, Any] = client.get(f"/{self.kind}/{name_of(name)}")
            return found
        for archived in (False, True):  # a path cannot hold the name; the list can
            for item in client.pages(f"/{self.kind}", 1000, search=name, archived=archived):
                if item["name"] == name:
                    return item
        raise NotFound(f"there is no {self.word} {name!r}")

    def _revise(self, client: Client, found: dict[str, Any], body: Body, note: str) -> dict[str, Any]:
        with _lines_of(body):
            kept: dict[str, Any] = client.put(f"/{self.kind}/{found['id']}", _sent(body, note), found["etag"])
        return kept

    def _deed(self, name: str, deed: str, done: str, json: bool, where: Where) -> None:
        with Client(where) as client:
            found = self.find(client, name)
            kept = client.post(f"/{self.kind}/{found['id']}/{deed}")
        told(json, kept, f"{done} {self.word} {found['name']}")

    def _told(self, kept: dict[str, Any], deed: str, json: bool) -> None:
        told(json, kept, f"{deed} {self.word} {kept['name']}, revision {kept['revision']} ({kept['id']})")


def _sent(body: Body, note: str) -> dict[str, Any]:
    return {"body": body.data, "note": note, **({"name": body.name} if body.name is not None else {})}


@contextmanager
def _lines_of(body: Body) -> Iterator[None]:
    try:
        yield
    except DocumentError as error:
        raise body.with_lines(error) from None


def _edit(file: Path) -> None:
    words = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi")
    try:
        code = subprocess.run([*words, str(file)], check=False).returncode
    except OSError as error:
        raise Unavailable(f"the editor {words[0]!r} does not start: {error.strerror}", hint="set EDITOR") from None
    if code:
        raise Unavailable(f"the editor {words[0]!r} ended with {code}; nothing was changed")
