"""An address from which a target is made: who speaks there is looked up, then one message is tried."""

from __future__ import annotations

import htpy as h

from krawall.web import ui
from krawall.web.pages.target_test import told, try_button


def detect_card(url: str = "", error: str = "") -> h.Element:
    """Return the form that takes an address. It is one POST that leads to a form of a target, filled in."""
    return ui.card(
        "Or paste an address",
        ui.form(
            "/targets/detect",
            h.div(".form")[
                h.div(".pair")[
                    ui.field("Address", "url", url, kind="url", code=True, required=True, error=error, id="f-detect-url",
                             help="With or without the path of its chat."),
                    ui.field("Credential", "key", code=True, help="Name of the one that it takes, where it takes one.", more={"list": "credentials"}),
                ],
                ui.switch("I operate this host", "operate", help="Needed for private addresses."),
                h.div(".row")[try_button("Recognise", primary=False)],
                h.p(".help")["Looks at a few pages of the host, then sends one message to the likeliest guess."],
            ],
            h.div(id="test", aria_live="polite")[told()],
            partial=False, more={"class": "stack", "novalidate": True, "id": "detect"},
        ),
    )  # fmt: skip


def telling(lines: list[str]) -> h.Element:
    """Return what has been found out so far."""
    *past, now = lines or ["looking"]
    return told(
        h.ol(".steps")[
            [h.li(".ok")[h.span(".mark")[ui.icon("circle-check")], h.span(".words")[_said(each)]] for each in past],
            h.li(".running", data_moving=True)[h.span(".mark")[h.span(".dot")], h.span(".words")[_said(now)]],
        ]
    )


def refused(message: str, hint: str) -> h.Element:
    """Return why nothing could be looked at."""
    return told(ui.notice([_said(message), hint and h.div[hint]], "bad", title="It was not recognised"))


def _said(words: str) -> str:
    return words[:1].upper() + words[1:]
