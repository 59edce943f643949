"""HTML and SVG elements as functions. What is not marked as HTML is escaped, so forgetting to escape shows, and never runs."""

from __future__ import annotations

from html import escape

from krawall.conduct.words import clean

_VOID = frozenset({"meta", "link", "br", "hr", "rect", "path", "line", "circle"})


class Html(str):
    """Text that is HTML already. Only this module and constants of ours make it."""

    __slots__ = ()


def el(tag: str, *children: object, **attributes: object) -> Html:
    """Return one element.

    Args:
        tag: its name.
        children: `Html` as it is, None left out, anything else escaped.
        attributes: `class_` and `for_` lose the last underscore, others become dashes; None and False are left out, True
            is written without a value, floats with two digits.
    """
    parts = [tag]
    for name, value in attributes.items():
        key = name.rstrip("_").replace("_", "-")
        if value is True:
            parts.append(key)
        elif value is not None and value is not False:
            parts.append(f'{key}="{_text(value)}"')
    head = " ".join(parts)
    if tag in _VOID and not children:
        return Html(f"<{head}>" if tag in ("meta", "link", "br", "hr") else f"<{head}/>")
    return Html(f"<{head}>{join(*children)}</{tag}>")


def join(*children: object) -> Html:
    """Return children one after the other, escaped where they are not HTML."""
    return Html("".join(child if isinstance(child, Html) else _text(child) for child in children if child is not None))


def _text(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.2f}".rstrip("0").rstrip(".")
    return escape(clean(str(value)), quote=True)
