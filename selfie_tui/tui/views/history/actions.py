"""The actions of the view of runs that were kept."""

from __future__ import annotations

from selfie_tui.tui.action import Action, Section
from selfie_tui.tui.actions import register
from selfie_tui.tui.views.entry import ViewEntry

# fmt: off
ACTIONS = (
    Action("runs.open", "Open", "open the run as if just run, without a model; of two marked runs, list what differs",
           "enter", "runs", "ask('open')", hint="open", palette="session yesterday compare"),
    Action("runs.again", "Run again", "ask the same of the loaded model, and name what differs from then", "ctrl+r",
           "runs", "ask('again')", hint="again", palette="replay"),
    Action("runs.resume", "Resume", "go on with a run that was cancelled or killed, with its model", "r", "runs",
           "ask('resume')", hint="resume", palette="continue"),
    Action("runs.mark", "Mark", "mark the run, for comparing two", "space", "runs", "ask('mark')", hint="mark"),
    Action("runs.delete", "Delete", "pressed twice, delete the run", "d", "runs", "ask('delete')", hint="delete",
           palette="remove"),
    Action("runs.undo", "Undelete", "take the last deletion back", "u", "runs", "ask('undelete')",
           palette="undo restore"),
)
# fmt: on

SECTIONS = {
    "runs": Section(
        "History: the runs that were kept",
        (
            "All runs of all sessions, the newest first. ◐ is a run that was cancelled or killed; what it had finished "
            "is kept. / searches the texts, prompts, presets and models of all.",
        ),
    )
}

register(ACTIONS, SECTIONS)

ENTRY = ViewEntry("history", "History", "H", "f8", ACTIONS, SECTIONS, "HistoryView")
