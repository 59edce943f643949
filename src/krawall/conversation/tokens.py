"""How many tokens a text has, when the target does not tell. An estimate, and marked as such wherever it is used.

Basis: byte-pair vocabularies of 2024 and later break a text into words, groups of three digits, runs of punctuation and
line ends before they merge, so those are counted; other scripts have an average per character. The weights were set by
hand against five public vocabularies (o200k, cl100k, Llama 3, Gemma 3, Qwen 3) on short texts in thirteen languages,
JSON, Markdown and code: within 25 % of o200k on all of them, and of the median vocabulary on all but Hindi, where the
vocabularies themselves differ threefold. Random text (hashes, base64) has up to twice the tokens that it says.
"""

from __future__ import annotations

_CLASSES = bytearray(b"." * 256)
for _low, _high, _kind in (
    (0x00, 0x20, b" "),
    (0x0A, 0x0A, b"\n"),
    (0x30, 0x39, b"0"),
    (0x41, 0x5A, b"a"),
    (0x61, 0x7A, b"a"),
    (0xC2, 0xC3, b"l"),  # Latin with marks, western
    (0xC4, 0xCB, b"x"),  # Latin with marks, the rest
    (0xCC, 0xCF, b"g"),  # Greek
    (0xD0, 0xD4, b"c"),  # Cyrillic
    (0xD5, 0xDF, b"r"),  # Armenian, Hebrew, Arabic
    (0xE0, 0xE0, b"i"),  # the scripts of India, Thai
    (0xE1, 0xE1, b"v"),  # Latin with two marks (Vietnamese), Georgian, Khmer
    (0xE2, 0xE2, b"s"),  # signs
    (0xE3, 0xE3, b"j"),  # kana, CJK punctuation
    (0xE4, 0xE9, b"h"),  # Han
    (0xEA, 0xED, b"k"),  # Hangul
    (0xEF, 0xEF, b"j"),  # full-width forms
    (0xF0, 0xF7, b"e"),  # emoji
):
    for _byte in range(_low, _high + 1):
        _CLASSES[_byte] = _kind[0]
_TABLE = bytes(_CLASSES)  # from the first byte of a character in UTF-8 to its class
_TAILS = bytes(range(0x80, 0xC0))  # the further bytes of a character
_WORDS = bytes(byte if byte in b"alxv" else 0x20 for byte in range(256))
_NO_LETTERS = bytes(byte for byte in range(256) if byte not in b"alxv")
_SIGNS = bytes(byte if byte == 0x2E else 0x20 for byte in range(256))

_PER_DIGIT = 0.42
_PER_CHARACTER = (
    (b"l", 0.5),
    (b"x", 1.0),
    (b"v", 0.05),
    (b"g", 0.45),
    (b"c", 0.30),
    (b"r", 0.37),
    (b"i", 0.45),
    (b"s", 0.9),
    (b"j", 0.70),
    (b"h", 0.68),
    (b"k", 0.62),
    (b"e", 1.6),
)


def estimate(text: str) -> int:
    """Return about how many tokens `text` has: 0 for an empty text, else at least 1; the same text, the same number."""
    if not text:
        return 0
    classes = text.encode(errors="surrogatepass").translate(_TABLE, _TAILS)
    letters = len(classes.translate(None, _NO_LETTERS))
    words = len(classes.translate(_WORDS).split())
    signs = classes.count(b".")
    groups = len(classes.translate(_SIGNS).split()) if signs else 0
    total = words + max(0.0, letters - 4.7 * words) * 0.24
    total += groups + max(0, signs - 2 * groups) * 0.3
    lines = classes.count(b"\n")
    if lines:
        total += 0.5 * (lines - classes.count(b"\n\n")) + 0.9 * classes.count(b"\n  ")
    total += _PER_DIGIT * classes.count(b"0")
    if not text.isascii():
        for kind, weight in _PER_CHARACTER:
            total += weight * classes.count(kind)
    return max(1, round(total))
