"""The actions of the view of the lens, beside those of maps."""

from __future__ import annotations

from selfie_tui.tui.action import Action, Section
from selfie_tui.tui.actions import register
from selfie_tui.tui.views.entry import ViewEntry

# fmt: off
ACTIONS = (
    Action("lens.tuned", "Tuned lens", "read with a tuned lens, whose folder is asked for at first, or without it",
           "3,alt+3", "lens", "want('tuned')", palette="tuned translator folder"),
)
# fmt: on

SECTIONS = {
    "lens": Section(
        "Lens",
        (
            "The logit lens reads each state as if it were the last block's output: by the model's own final norm and "
            "head. A cell has the most probable token there. The row says is what the model itself puts next. c goes "
            "through the measures: the probability of the top token, the entropy, the rank of the model's own answer, "
            "with t the probability and the rank of a token of yours, the distance to the last layer, and with p the "
            "difference to another prompt.",
            "With a pair D shows where its prompts differ: the heat is the Jensen-Shannon divergence of the two lenses "
            "in bits, 0 where they are equal and 1 where they share no token; where the top tokens differ, both stand "
            "there, this prompt's first. = is the same, – a token that A has no counterpart for.",
            "Norm and head fit the last layer. In early and middle layers the top token may be noise, or the token "
            "that was read, though the answer is there for later layers to use; a probability there is not how sure "
            "the model is. enter interprets the cell, or the marked cells: a reading is worth its words where it says "
            "more than the lens.",
        ),
    )
}

register(ACTIONS, SECTIONS)

ENTRY = ViewEntry("lens", "Lens", "L", "f4", ACTIONS, SECTIONS, "LensView")
