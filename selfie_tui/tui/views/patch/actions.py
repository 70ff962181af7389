"""The actions of the view of patching: over its map, among the two prompts, among its settings."""

from __future__ import annotations

from selfie_tui.tui.action import Action, Section
from selfie_tui.tui.actions import register
from selfie_tui.tui.views.entry import ViewEntry

# fmt: off
ACTIONS = (
    Action("patch.run", "Patch", "attribution first, then every site, the strongest first; of a run that was cancelled "
           "what is left; with marks these sites together in one run", "enter", "patch", "ask('run')", hint="patch",
           palette="run activation attribution resume together"),
    Action("patch.again", "Patch again", "all of it again, with the settings as they are", "ctrl+r", "patch",
           "ask('again')", palette="again anew"),
    Action("patch.site", "Site", "the residual stream, what attention adds, what the MLP adds, the heads at the token "
           "under the cursor", "s", "patch", "ask('site')", hint="site", palette="resid attn mlp heads q k v o"),
    Action("pair-rows.left", "Previous token", "move the token cursor left", "left,h", "pair-rows", "step(-1)",
           hint="token"),
    Action("pair-rows.right", "Next token", "move the token cursor right", "right,l", "pair-rows", "step(1)",
           hint="token"),
    Action("pair-rows.first", "First token", "to the first token", "home,g", "pair-rows", "edge(-1)"),
    Action("pair-rows.last", "Last token", "to the last token", "end,G", "pair-rows", "edge(1)"),
    Action("pair-rows.up", "The source", "to the row of A", "up,k", "pair-rows", "row(0)", hint="row"),
    Action("pair-rows.down", "The target", "to the row of B", "down,j", "pair-rows", "row(1)", hint="row"),
    Action("pair-rows.edit", "Edit the row", "edit the prompt under the cursor, A or B", "i", "pair-rows", "edit_row",
           hint="edit row", palette="edit source target prompt"),
    Action("patch-settings.left", "Previous setting", "go to the setting on the left", "left,h", "patch-settings",
           "step(-1)", hint="setting"),
    Action("patch-settings.right", "Next setting", "go to the setting on the right", "right,l", "patch-settings",
           "step(1)", hint="setting"),
    Action("patch-settings.up", "Value above", "the choice before; an answer is again what the model says", "up,k",
           "patch-settings", "change(-1)", hint="value"),
    Action("patch-settings.down", "Value below", "the choice after", "down,j", "patch-settings", "change(1)",
           hint="value"),
    Action("patch-settings.write", "Write the answer", "on an answer, write it; elsewhere patch", "enter",
           "patch-settings", "write", hint="answer"),
)
# fmt: on

PAIR = (
    "Patching takes two prompts, token under token. p keeps a prompt as A, the source; i edits it into B, the target. "
    "Denoising writes activations of A into the run of B, one site at a time: a score of 1 is A's answer, 0 is B's "
    "own. Noising writes those of B into A. Denoising finds what is enough for the answer, noising what is needed; "
    "with several ways to it the two differ."
)

READING = (
    "enter estimates all scores from one backward run (attribution), then runs each site, the strongest first. A "
    "negative score has ▽ in place of its bar: the site pushes away from the source's answer. × was not run, or is not "
    "a number. Attribution is a slope and not a change: where the model is far from linear, as early in the stream, "
    "it can be far off, also in sign. The border says how well it tells the order of the sites that were run."
)

TRUST = (
    "A score is of this pair, these answers and this metric. Prompts that differ in more than what is asked about "
    "patch that too. A layer of the residual stream has all that layers before it have written; attn and mlp are what "
    "one layer adds. Over the heads c goes through q, k, v and o, elsewhere through patching, attribution and by how "
    "much the metric is another. Marked sites are written together in one run."
)

SECTIONS = {
    "patch": Section("Patch: what carries the difference", (PAIR, READING, TRUST)),
    "pair-rows": Section(
        "Patch: the two prompts",
        (
            PAIR,
            "Tokens that differ are reversed, with ^ under them. Prompts with other numbers of tokens cannot be "
            "patched token by token: edit one, or take the last token as position in the settings. What each prompt "
            "says next stands at its end; these are the answers, unless others are written in the settings.",
        ),
    ),
    "patch-settings": Section(
        "Patch: settings",
        (
            "The logit difference is that of A's answer and of B's; it is linear in what reaches the head. A "
            "probability saturates. KL is how far the distribution is from the clean run's, and needs no answers. A "
            "word means its first token after a space; in double quotes it is taken to the letter.",
        ),
    ),
}

register(ACTIONS, SECTIONS)

ENTRY = ViewEntry("patch", "Patch", "P", "f5", ACTIONS, SECTIONS, "PatchView")
