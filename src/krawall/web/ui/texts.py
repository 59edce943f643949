"""Text with a shape: code that can be copied, tabs that are addresses, crumbs, differences."""

from __future__ import annotations

from collections.abc import Sequence

import htpy as h

from krawall.web.ui.icons import icon


def code(text: str, *, label: str = "Code", copy: bool = True, numbered: bool = False, most: int = 40_000) -> h.Element:
    """Return text in a monospaced face, in a box of its own that scrolls. `most` characters are shown."""
    cut = text[:most]
    lines: h.Node = [h.span(".line")[line or " ", "\n"] for line in cut.splitlines()] if numbered else cut
    return h.figure(".code", aria_label=label)[
        copy
        and h.button(
            ".btn.ghost.bare.small", type="button", data_copy=True, aria_label=f"Copy {label.lower()}", data_tip="Copy"
        )[icon("copy")],
        h.pre(tabindex="0", role="region", aria_label=label)[h.code(class_="numbered" if numbered else None)[lines]],
        len(text) > most and h.figcaption[f"{len(text) - most:,} more characters are not shown"],
    ]


def difference(text: str) -> h.Element:
    """Return a unified diff with its lines marked by sign and colour."""
    marks = {"+": "plus", "-": "minus", "@": "at"}
    body = [line for line in text.splitlines() if not line.startswith(("+++", "---"))]
    return h.figure(".code.diff")[
        h.pre(tabindex="0", role="region", aria_label="What changed")[
            h.code[[h.span(class_=f"line {marks.get(line[:1], '')}".strip())[line or " ", "\n"] for line in body]]
        ]
    ]


def tabs(label: str, each: Sequence[tuple[str, str]], current: str) -> h.Element:
    """Return tabs as links, since each is an address of its own. `each`: words and address; `current`: the words in force."""
    return h.nav(".tabs", aria_label=label)[
        [h.a(href=href, aria_current="page" if words == current else None)[words] for words, href in each]
    ]


def breadcrumb(crumbs: Sequence[tuple[str, str]]) -> h.Element:
    """Return the way here: words and addresses, the last without one."""
    steps: list[h.Node] = []
    for number, (words, href) in enumerate(crumbs):
        here = number == len(crumbs) - 1
        steps.append(h.li[
            number > 0 and icon("chevron-right", size=14),
            h.a(href=href)[words] if href and not here else h.span(aria_current="page" if here else None)[words],
        ])  # fmt: skip
    return h.nav(".crumbs", aria_label="Breadcrumb")[h.ol[steps]]
