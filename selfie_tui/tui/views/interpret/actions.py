"""The actions of the view of interpretations: in its log, and in the details of one interpretation."""

from __future__ import annotations

from selfie_tui.tui.action import Action, Section
from selfie_tui.tui.actions import register

# fmt: off
ACTIONS = (
    Action("log.details", "Details", "every token of the interpretation: probability and effect", "enter", "log",
           "details", hint="details"),
    Action("log.filter", "Only matches", "show only readings that match the search, or all", "f", "log",
           "filter", palette="filter search"),
    Action("log.fold", "Fold", "back to one line; again, to the run's header; there, fold the run", "left,h", "log",
           "fold", hint="fold"),
    Action("log.unfold", "Unfold", "show the whole text under the cursor; on a header, the run's readings", "right,l",
           "log", "unfold", hint="fold"),
    Action("log.whole", "Whole texts", "show all texts as a whole, or one line each", "b", "log", "unfold_all",
           palette="unfold wrap long"),
    Action("log.runs", "Fold all runs", "leave of every run its header, or show all readings again", "-", "log",
           "fold_runs", palette="collapse outline"),
    Action("log.sort", "Sort", "order the readings as asked, by layer, or the largest effect first", "s", "log", "sort",
           hint="sort", palette="order layer effect"),
    Action("log.previous-run", "Previous run", "to the header of the run above", "[", "log", "run(-1)",
           hint="runs"),
    Action("log.next-run", "Next run", "to the header of the run below", "]", "log", "run(1)", hint="runs"),
    Action("details.left", "Previous interpretation", "the previous interpretation", "left,h", "details", "step(-1)",
           hint="reading"),
    Action("details.right", "Next interpretation", "the next interpretation", "right,l", "details", "step(1)",
           hint="reading"),
)
# fmt: on

PAIR = (
    "With a pair (p keeps a prompt as A, i edits it) a line A stands under each reading of this prompt where A's "
    "reading of the same layer, and of the token that this one is compared with, says something else."
)

SECTIONS = {"log": Section("Interpretations", (PAIR,)), "details": Section("Details of an interpretation")}

register(ACTIONS, SECTIONS)
