"""The actions of the view of modules: in the tree, in the values, among the edits, in the line of an edit."""

from __future__ import annotations

from selfie_tui.tui.action import Action, Section
from selfie_tui.tui.actions import register
from selfie_tui.tui.views.entry import ViewEntry

# fmt: off
ACTIONS = (
    Action("modules.open", "Unfold or look", "unfold the module or fold it; of one without others in it, go to its "
           "values", "enter", "modules", "open", hint="open"),
    Action("modules.fold", "Fold", "fold the module, or go to the one that it is in", "h", "modules", "fold"),
    Action("modules.unfold", "Unfold", "unfold the module, or go to the first one in it", "l", "modules", "unfold",
           hint="unfold"),
    Action("modules.left", "Previous token", "move the token cursor left; the values follow", "left", "inspected",
           "token(-1)", hint="token"),
    Action("modules.right", "Next token", "move the token cursor right; the values follow", "right", "inspected",
           "token(1)", hint="token"),
    Action("inspect.edit", "Edit the module", "write what becomes of the module's output: * 0.5, zero, = 3, + noise",
           "e", "inspected", "ask('edit')", hint="edit it", palette="scale zero set add noise ablate"),
    Action("inspect.remove", "Remove the edit", "pressed twice, take the module's edits off", "d", "inspected",
           "ask('remove')", hint="remove", palette="delete edit"),
    Action("inspect.undo", "Edits back", "bring back the edits that were taken off last", "u", "inspected",
           "ask('undo')", palette="undo edit"),
    Action("inspect.side", "Other side", "look at what the module is given, at what it gives, and at each "
           "tensor and call where there are several", "s", "inspected",
           "ask('side')", hint="in/out", palette="input output"),
    Action("inspect.attention", "Attention", "show the attention of every head from the token under the cursor", "a",
           "inspected", "ask('attention')", hint="attention", palette="heads pattern"),
    Action("inspect.steps", "Generated tokens", "generate, and show the values at each new token", "w", "inspected",
           "ask('steps')", palette="walk generate steps"),
    Action("values.open", "Interpret, or the whole pattern", "interpret the values; on a head, its attention from "
           "every token", "enter", "values", "open", hint="open"),
    Action("pattern.previous", "Previous head", "the pattern of the head before", "[", "pattern", "head(-1)",
           hint="head"),
    Action("pattern.next", "Next head", "the pattern of the head after", "]", "pattern", "head(1)", hint="head"),
    Action("edits.change", "Change the edit", "write the edit under the cursor anew", "enter", "edits", "ask('edit')"),
    Action("edit.submit", "Make the edit", "make the edit, and let both models answer", "enter", "edit-line", "accept",
           hint="done"),
    Action("edit.complete", "Complete", "complete what is typed", "tab", "edit-line", "complete", hint="complete"),
)
# fmt: on

READING = (
    "Modules are listed as the model has them. The values are those of what a module gives, or with s of what it is "
    "given, at the token under the cursor: norm, mean, deviation, largest magnitude. Bars over tokens and layers are "
    "shares of the largest norm, but of four times the median at most, as some tokens have states a hundred times "
    "longer than all others. Nearest tokens are those of the logit lens, where a module is as wide as the stream: of "
    "what a sub-layer adds they say what it adds in the direction of, not what the model will say.",
    "Attention patterns have the square root of the share as their bar, so that a share of a twentieth is seen. They "
    "are of the model as it is with attention computed in full, which is asked for only then and given back. Attention "
    "to the first token is often attention to nothing in particular.",
)
EDITING = (
    "An edit stands until it is taken off, and the header says EDITED in every view: what is read then is of the "
    "edited model. zero, * 0.5, = 3, + 0.5, = vec:NAME, + 2 vec:NAME, + noise 0.1 seed 3; then at 9 or at 3,5-7, else "
    "at all tokens. That an answer changes shows that the module matters to it, not that the module alone makes it.",
)

SECTIONS = {
    "modules": Section("Inspect: the modules", READING),
    "inspected": Section("Inspect: the module under the cursor", EDITING),
    "values": Section("Inspect: the values", READING),
    "edits": Section("Inspect: the edits", EDITING),
    "pattern": Section("Inspect: the pattern of a head", READING[1:]),
    "edit-line": Section("Inspect: the line of an edit", EDITING),
}

register(ACTIONS, SECTIONS)

ENTRY = ViewEntry("inspect", "Inspect", "I", "f6", ACTIONS, SECTIONS, "InspectView")
