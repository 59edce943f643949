"""Tables: order by a link in the header, one link per row and its actions, numbers to the right. On a phone a row is a card."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import htpy as h

from krawall.web.ui.icons import icon


@dataclass(frozen=True)
class Column:
    """One column. `key`: what the list is ordered by when its title is pressed; `number`: to the right, figures of one width."""

    title: str
    key: str = ""
    number: bool = False
    hide_title: bool = False
    wide: bool = False


@dataclass(frozen=True)
class Row:
    """One row. `href`: where a click on it leads; its first cell is the link's words. `id` lets it keep its place when morphed.
    `choose`: a box before the first cell, where the table has `choose`."""

    cells: Sequence[h.Node]
    href: str = ""
    id: str = ""
    actions: h.Node = None
    choose: h.Node = None
    marks: dict[str, str] = field(default_factory=dict)


def table(
    caption: str,
    columns: Sequence[Column],
    rows: Sequence[Row],
    *,
    sort: str = "",
    link: Callable[[str], str] | None = None,
    actions: bool = False,
    choose: bool = False,
) -> h.Element:
    """Return a table. `caption` names it for screen readers; `sort` is the order in force, `link` makes a header's address."""
    return h.div(".table", role="region", aria_label=caption, tabindex="0")[
        h.table(role="table")[
            h.caption(".sr")[caption],
            h.thead(role="rowgroup")[
                h.tr(role="row")[
                    choose and h.th(".choosing", role="columnheader", scope="col")[h.span(".sr")["Choose"]],
                    [_header(column, sort, link) for column in columns],
                    actions and h.th(role="columnheader", scope="col")[h.span(".sr")["Actions"]],
                ]
            ],
            h.tbody(role="rowgroup")[[_row(columns, row, actions, choose) for row in rows]],
        ]
    ]


def _header(column: Column, sort: str, link: Callable[[str], str] | None) -> h.Element:
    ordered = sort.removeprefix("-") == column.key if column.key else False
    direction = ("descending" if sort.startswith("-") else "ascending") if ordered else None
    title: h.Node = h.span(class_="sr" if column.hide_title else None)[column.title]
    if column.key and link:
        symbol = (
            icon("arrow-down" if sort.startswith("-") else "arrow-up", size=13)
            if ordered
            else icon("arrow-up-down", size=13)
        )
        title = h.a(href=link(column.key), data_ordered=ordered)[column.title, symbol]
    return h.th(
        {"class": "n" if column.number else None, "role": "columnheader", "scope": "col", "aria-sort": direction}
    )[title]


def _row(columns: Sequence[Column], row: Row, actions: bool, choose: bool) -> h.Element:
    cells = []
    for number, (column, content) in enumerate(zip(columns, row.cells, strict=True)):
        inside = h.a(".rowlink", href=row.href)[content] if number == 0 and row.href else content
        classes = " ".join(["n"] * column.number + ["w"] * column.wide)
        cells.append(
            h.td({"class": classes or None, "role": "cell", "data-label": None if number == 0 else column.title})[
                inside
            ]
        )
    return h.tr({"role": "row", "id": row.id or None, "data-link": bool(row.href), **row.marks})[
        choose and h.td(".choosing", role="cell")[row.choose],
        cells,
        actions and h.td(".acts", role="cell")[row.actions],
    ]


def pager(back: str, onward: str, words: str) -> h.Node:
    """Return the way to the next part of a list, and back to its beginning. `words`: what is shown; nothing when it is all."""
    if not back and not onward:
        return None
    return h.nav(".pager", aria_label="Pages of the list")[
        h.span(".muted")[words],
        back and h.a(".btn.small", href=back)[icon("arrow-left"), "First page"],
        onward and h.a(".btn.small", href=onward)["Next page", icon("arrow-right")],
    ]
