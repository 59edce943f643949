"""One canonical form of a label of a host name: lower-case ASCII, IDNA A-labels. A spelling that standards or eyes could
take for another one is refused, with the A-label as the way out."""

from __future__ import annotations

import re
import unicodedata

from krawall.errors import Refused

_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")  # with "_": container networks use it in names
_IDEOGRAPHIC_DOT = "\u3002"  # IDNA 2003 and browsers split labels at it
_JOINERS = "\u200c\u200d"  # IDNA 2008 allows them, as an A-label only, since older versions drop them
_SCRIPTS_TOGETHER = (  # scripts that one language writes in one word (Unicode TR 39, "highly restrictive")
    {"LATIN", "CJK", "IDEOGRAPHIC", "HIRAGANA", "KATAKANA"},
    {"LATIN", "CJK", "HANGUL"},
    {"LATIN", "CJK", "BOPOMOFO"},
)


def canonical_label(label: str, host: str) -> str:
    """Return one label of the name `host` in lower-case ASCII. Raises Refused; the message names the whole host."""
    text = label.lower() if label.isascii() else _to_a_label(label, host)
    if not _LABEL.fullmatch(text):
        raise Refused(
            f"the host {host!r} has an empty part, one over 63 characters, or one that is not letters, digits and inner '-'",
            hint="check the host's spelling",
        )
    if text.startswith("xn--") and not _decodes(text):
        raise Refused(f"{label!r} in the host is not a valid IDNA A-label", hint="write the name in its own script")
    return text


def _decodes(a_label: str) -> bool:
    try:
        text = a_label[4:].encode("ascii").decode("punycode")
        again = text.encode("punycode").decode("ascii")
    except ValueError:
        return False
    if any(unicodedata.category(char)[0] in "CZ" and char not in _JOINERS for char in text):
        return False
    return again == a_label[4:] and not text.isascii() and unicodedata.normalize("NFKC", text) == text == text.lower()


def _to_a_label(label: str, host: str) -> str:
    """Encode a label that IDNA 2003, IDNA 2008 (RFC 5891) and UTS 46 all map to the same A-label; refuse any other."""
    way_out = "write its ASCII form (xn--...)"
    lower = label.lower()
    folded = unicodedata.normalize("NFKC", label) != label or unicodedata.normalize("NFKC", lower) != lower
    if folded or lower.isascii() or _IDEOGRAPHIC_DOT in label:
        raise Refused(f"{host!a} has look-alike characters that turn into other letters, digits or dots", hint=way_out)
    if lower.casefold() != lower:
        raise Refused(f"{host!a} has a letter that IDNA versions encode differently", hint=way_out)
    kinds = [char if char in "-0123456789" else unicodedata.category(char)[0] for char in lower]
    if kinds[0] in "M-" or kinds[-1] == "-" or not set(kinds) <= set("-0123456789LM"):
        raise Refused(f"{host!a} has characters that are neither letters nor plain digits", hint=way_out)
    scripts = {
        re.split("[ -]", unicodedata.name(char))[0] for char, kind in zip(lower, kinds, strict=True) if kind == "L"
    }
    if len(scripts) > 1 and not any(scripts <= together for together in _SCRIPTS_TOGETHER):
        raise Refused(f"{host!a} mixes scripts in one word ({', '.join(sorted(scripts)).title()})", hint=way_out)
    return "xn--" + lower.encode("punycode").decode("ascii")
