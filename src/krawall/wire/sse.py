"""Server-sent events from bytes, incrementally, by the WHATWG HTML standard, sections 9.2.5 "Parsing an event stream" and
9.2.6 "Interpreting an event stream". Data stays bytes: decoding UTF-8 is the reader's job."""

from __future__ import annotations

from krawall.model.base import Record

_BOM = b"\xef\xbb\xbf"
_MAX_RETRY_DIGITS = 15


class Event(Record, frozen=True):
    """One dispatched event. `event` is "" where the stream named none; `id` is the last id that the stream has set."""

    data: bytes
    event: str = ""
    id: str = ""


class EventParser:
    """Parses one stream; made when its body begins, thrown away when it ends.

    `retry_ms`: the reconnection time that the stream asked for. `last_id`: the last event id, as of the last blank line.
    Held memory is bounded by `limit` bytes, and so is the size of an event's data and of any one line.
    """

    __slots__ = (
        "_cr", "_data", "_event", "_held", "_held_size", "_id", "_idle", "_limit", "_name", "_named", "_open", "_size", "_start",
        "last_id", "retry_ms",
    )  # fmt: skip

    def __init__(self, limit: int = 4_000_000) -> None:
        self.retry_ms: int | None = None
        self.last_id = ""
        self._limit = limit
        self._start: bytes | None = b""  # the first bytes while they may still be a BOM, then None
        self._cr = False  # the last byte was CR: an LF that follows belongs to it
        self._held: list[bytes] = []  # pieces of a line without its end
        self._held_size = 0
        self._data: list[bytes] = []
        self._size = 0  # of the data so far, with a byte for each line end
        self._event = ""
        self._named = b"event"  # the last line that set the event's name, and the name
        self._name = ""
        self._id = ""
        self._open = False  # a field of an event came, its blank line did not
        self._idle = False  # at the start of an event, with nothing held and no LF to drop

    @property
    def pending(self) -> bool:
        """Whether bytes of an unfinished event are held."""
        return self._open or bool(self._held) or bool(self._start)

    def feed(self, data: bytes) -> list[Event]:
        """Return the events that `data` completes, in order.

        Raises:
            ValueError: an event is larger than the limit; the parser is of no use afterwards.
        """
        # Most chunks are whole events of one data line each: one split, and a count proves that no other line is there.
        if self._idle and data.startswith(b"data: ") and data.endswith(b"\n\n") and len(data) <= self._limit:
            if data.find(b"\n") == len(data) - 2:
                if 13 not in data:  # CR
                    return [Event(data[6:-2], "", self.last_id)]
            else:
                parts = data[6:-2].split(b"\n\ndata: ")
                if data.count(b"\n") == 2 * len(parts) and 13 not in data:
                    last = self.last_id
                    return [Event(part, "", last) for part in parts]
        if self._start is not None:
            data = self._without_bom(data)
        if self._cr or 13 in data:
            data = self._with_lf(data)
        events = self._lines(data)
        self._idle = not (self._cr or self._open or self._held or self._start is not None)
        return events

    def finish(self) -> None:
        """End the stream: an event without its blank line is discarded, as the standard demands."""
        self._start, self._cr, self._open, self._idle = None, False, False, True
        self._held, self._held_size, self._data, self._size = [], 0, [], 0
        self._event, self._id = "", self.last_id

    def _without_bom(self, data: bytes) -> bytes:
        data = (self._start or b"") + data
        if len(data) < 3 and _BOM.startswith(data):
            self._start = data
            return b""
        self._start = None
        return data.removeprefix(_BOM)

    def _with_lf(self, data: bytes) -> bytes:
        """Turn CRLF and CR into LF. A CR ends its line at once, so that no event waits for the next chunk."""
        if not data:
            return data
        if self._cr and data.startswith(b"\n"):
            data = data[1:]
        self._cr = data.endswith(b"\r")
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _lines(self, data: bytes) -> list[Event]:
        events: list[Event] = []
        lines = data.split(b"\n")
        if self._held:
            if len(lines) == 1:
                self._hold(data)
                return events
            self._held.append(lines[0])
            lines[0] = b"".join(self._held)
            self._held, self._held_size = [], 0
        tail = lines.pop()
        pieces, size, limit = self._data, self._size, self._limit
        for line in lines:
            if not line:
                if pieces:
                    joined = pieces[0] if len(pieces) == 1 else b"\n".join(pieces)
                    events.append(Event(joined, self._event, self._id))
                    pieces.clear()
                    size = 0
                self.last_id, self._event, self._open = self._id, "", False
            elif size + len(line) > limit:
                raise self._too_large()
            elif line == self._named:  # streams repeat themselves: `event: content_block_delta`, thousands of times
                self._event, self._open = self._name, True
            elif line.startswith(b"data:"):
                value = line[6:] if line.startswith(b" ", 5) else line[5:]
                pieces.append(value)
                size += len(value) + 1
                self._open = True
            else:
                self._field(line)
                size += line == b"data"
        self._size = size
        if tail:
            self._hold(tail)
        return events

    def _hold(self, piece: bytes) -> None:
        if piece:
            self._held.append(piece)
            self._held_size += len(piece)
            if self._held_size + self._size > self._limit:
                raise self._too_large()

    def _too_large(self) -> ValueError:
        return ValueError(f"event larger than {self._limit} bytes")

    def _field(self, line: bytes) -> None:
        """Take a line other than `data: ...`; what the standard does not know, and comments, say nothing."""
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":  # without a colon: the empty line
            self._data.append(b"")
        elif name == b"event":
            self._event = value.decode("utf-8", "replace")
            self._named, self._name = line, self._event
        elif name == b"id" and b"\0" not in value:
            self._id = value.decode("utf-8", "replace")
        elif name == b"retry" and value.isdigit() and len(value) <= _MAX_RETRY_DIGITS:
            self.retry_ms = int(value)
            return
        else:
            return
        self._open = True
