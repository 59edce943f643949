"""What the flow builder's parts know of the scenario in hand, and the addresses of its operations. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from krawall.errors import Place
from krawall.model.kept import Kept
from krawall.services.drafts import Editing, Problem
from krawall.services.scenarios import Validation
from krawall.web.frame import Frame
from krawall.web.urls import address

FLOW = "flow"


@dataclass(frozen=True)
class View:
    """A scenario as somebody sees it in the builder.

    `key`: the scenario's id, or that of a draft which is not saved yet. `editing` is the person's draft; where there is none
    yet (its `id` is then "") it is the kept scenario, and the first edit opens a draft whose steps have the same ids.
    `problems` are at steps and fields, `validation` has the same by path, warnings and the estimate; the estimate takes
    longer than an edit may, so only the answer that shows it has it. `selected`: a step's id. `kept`: the scenario as it is
    kept now, None of a new one. `said`: what was just done, for who hears the page. `text`: the YAML as it was typed.
    """

    frame: Frame
    key: str
    editing: Editing
    problems: Sequence[Problem]
    validation: Validation
    selected: str = ""
    tab: str = FLOW
    may_edit: bool = True
    kept: Kept | None = None
    said: str = ""
    text: str | None = None
    wrong_text: Sequence[Place] = ()

    @property
    def clashes(self) -> bool:
        """Whether somebody saved another revision since this draft began."""
        return bool(self.editing.id and self.kept and self.kept.etag != self.editing.etag)

    @property
    def changed(self) -> bool:
        """Whether there is something to save."""
        return bool(self.editing.id and (self.editing.can_undo or not self.editing.document))

    def wrong(self, step: str) -> list[Problem]:
        """Return what is wrong at a step; with "" what is wrong outside of all steps."""
        return [problem for problem in self.problems if problem.step == step]


def action(view: View, deed: str) -> str:
    """Return the address that an operation on the draft is posted to, such as `set` or `undo`."""
    return f"/scenarios/{view.key}/draft/{deed}"


def place(view: View, *, tab: str | None = None, step: str | None = None) -> str:
    """Return the address of the builder with another tab or another step selected; defaults are left out."""
    tab = view.tab if tab is None else tab
    step = view.selected if step is None else step
    return address(f"/scenarios/{view.key}", {"tab": "" if tab == FLOW else tab, "step": step})
