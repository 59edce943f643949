"""The sink `tally-file`: a file for each shard with the number of its lines, by kind."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import ClassVar, Literal

from krawall.plugins import Basin, LogLine, Sink, SinkKind


class TallyFile(SinkKind):
    """Count the lines of the log by kind, and write the counts at the end."""

    api: ClassVar[int] = 1
    kind: Literal["tally-file"] = "tally-file"
    name: str = "tally"

    def open(self, basin: Basin) -> AbstractContextManager[Sink]:
        """Open it in the shard's folder."""
        return _opened(Path(basin.directory) / f"{self.name}-{basin.shard}-{basin.attempt}.json")


@contextmanager
def _opened(path: Path) -> Iterator[Sink]:
    yield _Tally(path)


class _Tally:
    def __init__(self, path: Path) -> None:
        self._path, self._counts = path, Counter[str]()

    def accept(self, batch: Sequence[LogLine]) -> None:
        self._counts.update(type(line).__name__ for line in batch)

    def flush(self) -> None: ...

    def close(self) -> None:
        self._path.write_text(json.dumps(self._counts, sort_keys=True), encoding="utf-8")
