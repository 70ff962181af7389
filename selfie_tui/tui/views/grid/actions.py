"""The actions of the view of a whole prompt."""

from __future__ import annotations

from selfie_tui.tui.action import Action, Section
from selfie_tui.tui.actions import register
from selfie_tui.tui.views.entry import ViewEntry

# fmt: off
ACTIONS = (
    Action("grid.read", "Read", "read the marked cells; without marks what is not read yet, a sample first if it is "
           "much; then the cell again with other settings", "enter", "grid", "ask('read')", hint="read",
           palette="interpret resume finer"),
    Action("grid.all", "Read everything", "read all layers of all tokens, with the settings as they are", "ctrl+r",
           "grid", "ask('all')", palette="again whole"),
    Action("grid.walk", "Column, row, map", "the readings of the token as a list, then those of the layer, then the "
           "map", "w", "grid", "ask('walk')", hint="walk", palette="list column row zoom"),
    Action("grid.previous-map", "Previous map", "the map before: readings of this prompt with other settings", "[",
           "grid", "ask('previous')", hint="maps"),
    Action("grid.next-map", "Next map", "the map after", "]", "grid", "ask('next')", hint="maps"),
    Action("walk.left", "Previous token", "in a list of layers, those of the token before; of tokens, the layer above",
           "left,h", "walk", "other(-1)", hint="token"),
    Action("walk.right", "Next token", "in a list of layers, those of the token after; of tokens, the layer below",
           "right,l", "walk", "other(1)", hint="token"),
    Action("walk.mark", "Mark", "mark or unmark the cell", "space", "walk", "mark", hint="mark"),
)
# fmt: on

GRID = (
    "Every cell is what the model says of one token at one layer. Readings with equal settings stand in one map, "
    "whichever view asked for them; [ and ] show those with other settings. enter reads what is not read yet. A map "
    "of more than 500 cells is sampled first, every k-th layer and token; each further enter halves k for what is in "
    "sight. A run that was cancelled is gone on with."
)

TRUST = (
    "The heat is never more than its measure: effect is how much of the words is owed to the injection, and not "
    "whether they are true. Beside the words stand what the logit lens says at the cell and what the bare embedding "
    "of the token reads as: a reading is worth its words where it says more than these and the control."
)

PAIR = (
    "With a pair (p keeps a prompt as A, i edits it) D shows where the two differ: both texts, this prompt's first, "
    "and as heat the share of their content words that only one has. = says the same, – is a token that A has no "
    "counterpart for: of prompts with other numbers of tokens those are compared that both begin or end with, or that "
    "stand in the same order between. enter reads what A lacks."
)

SECTIONS = {"grid": Section("Grid: a whole prompt", (GRID, PAIR, TRUST)), "walk": Section("Grid: a column or a row")}

register(ACTIONS, SECTIONS)

ENTRY = ViewEntry("grid", "Grid", "#", "f3", ACTIONS, SECTIONS, "GridView")
