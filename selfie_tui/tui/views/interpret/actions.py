"""The actions of the view of interpretations: in its log, and in the details of one interpretation."""

from __future__ import annotations

from selfie_tui.tui.actions import Action, Section, register

# fmt: off
ACTIONS = (
    Action("log.details", "Details", "every token of the interpretation: probability and effect", "enter", "log",
           "details", hint="details"),
    Action("log.filter", "Only matches", "show only interpretations that match the search, or all", "f", "log",
           "filter", palette="filter search"),
    Action("log.bars", "Bars below", "draw relevancy below the text it belongs to, or behind it", "b", "log", "bars",
           hint="bars", palette="relevancy"),
    Action("details.left", "Previous interpretation", "the previous interpretation", "left,h", "details", "step(-1)",
           hint="reading"),
    Action("details.right", "Next interpretation", "the next interpretation", "right,l", "details", "step(1)",
           hint="reading"),
)
# fmt: on

SECTIONS = {"log": Section("Interpretations"), "details": Section("Details of an interpretation")}

register(ACTIONS, SECTIONS)
