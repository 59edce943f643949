"""Text for terminals: what they can show, and nothing that could drive them. Imports nothing of ours, so `--help` stays quick."""

from __future__ import annotations

import unicodedata

_REORDERING = ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")


def fit(text: str, encoding: str) -> str:
    """Return text that a terminal of that encoding can show: controls become U+FFFD, what it cannot show becomes `?`.

    Ends of line and tabs stay; marks that reorder a line go.
    """
    kept = "".join(
        "\ufffd" if c not in "\n\t" and unicodedata.category(c) in ("Cc", "Cs") else c
        for c in text
        if unicodedata.bidirectional(c) not in _REORDERING
    )
    return kept if encoding.lower().startswith("utf") else kept.encode(encoding, "replace").decode(encoding)
