"""The design system: one typed function per component. A page function takes domain objects and calls these."""

from krawall.web.ui.actions import button, deed, form
from krawall.web.ui.fields import Choice, Input, choices, field, problems, select, switch
from krawall.web.ui.icons import icon
from krawall.web.ui.marks import ago, badge, status, tooltip, when
from krawall.web.ui.navigation import sidebar
from krawall.web.ui.overlays import Item, confirm, dialog, menu, opens, toast
from krawall.web.ui.page import bare_page, page
from krawall.web.ui.palette import palette
from krawall.web.ui.surfaces import Better, Delta, card, empty, facts, notice, page_header, progress, tile, tiles
from krawall.web.ui.tables import Column, Row, pager, table
from krawall.web.ui.texts import breadcrumb, code, difference, tabs

__all__ = [
    "Better", "Choice", "Column", "Delta", "Input", "Item", "Row", "ago", "badge", "bare_page", "breadcrumb", "button", "card", "choices", "code",
    "confirm", "deed", "dialog", "difference", "empty", "facts", "field", "form", "icon", "menu", "notice", "opens", "page",
    "page_header", "pager", "palette", "problems", "progress", "select", "sidebar", "status", "switch", "table", "tabs",
    "tile", "tiles", "toast", "tooltip", "when",
]  # fmt: skip
