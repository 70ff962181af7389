"""Why there is no map or no score, and what to do; how the site under the cursor and the marked ones are called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from selfie_tui.records import EMBED, PatchedSite, layer_name
from selfie_tui.tui.render.styles import Look
from selfie_tui.tui.state import AppState
from selfie_tui.tui.status import key_of, no_pair_words
from selfie_tui.tui.views.patch.patches import Patches
from selfie_tui.tui.views.patch.patching import Patching
from selfie_tui.tui.views.patch.scores import number
from selfie_tui.tui.views.patch.titles import site_name, token_name, unequal_words

Keymap = Mapping[str, str]


def map_note(state: AppState, patches: Patches, keymap: Keymap, look: Look) -> str:
    """Why there is no map, and what to do; "" where there is one, or can be."""
    if state.model is not None and state.model.kind != "decoder":
        return f"{look.prose(state.model.name)} is an {state.model.kind}: patching takes a decoder."
    if not state.selection.tokens:
        return "Tokens come with the model."
    if words := no_pair_words(state, keymap):
        return words
    if not (state.pair and state.pair.tokens):
        return "The tokens of A are still to come."
    if not patches.aligned:
        edit, settings = key_of("edit.prompt", keymap), key_of("pane.settings", keymap)
        return unequal_words(patches, look, edit, settings)
    return run_note(patches, keymap, look)


def run_note(patches: Patches, keymap: Keymap, look: Look) -> str:
    """Why a run has no map, and what to do."""
    here, run = patches.here, key_of("patch.run", keymap)
    if here is not None and here.began is not None and here.began.problem:
        settings = key_of("pane.settings", keymap)
        problem = look.prose(here.began.problem)
        return f"{problem}\nWrite answers that tell them apart, or take KL as metric ({settings})."
    if here is not None and here.state == "failed" and not here.runs:
        return look.prose(here.problem)
    if patches.choices.site == "heads" and (here is None or here.began is None):
        return f"{run} patches {site_name(patches, look)}, of every layer." if here is None or not here.goes_on else "…"
    return ""


def site_label(state: AppState, patches: Patches, look: Look) -> str:
    """`L12 · 9 John`, and of a head its number."""
    selection = state.selection
    if selection.token is None:
        return ""
    head = f" {patches.choices.head}{patches.head}" if patches.choices.site == "heads" else ""
    at = patches.position if head else selection.position
    return f"{layer_name(selection.layer)}{head} · {token_name(selection.tokens[at], look)}"


def site_note(
    state: AppState, patches: Patches, keymap: Keymap, look: Look, patching: Patching | None, index: int | None
) -> str:
    """Why the site under the cursor has no score; "" where what is written in place of the map says it."""
    run = key_of("patch.run", keymap)
    if state.selection.layer == EMBED:
        return "over the embeddings nothing is written: choose a layer"
    if patching is None:
        return "" if map_note(state, patches, keymap, look) else f"not patched yet: {run} runs the map"
    if patching.began is None:
        return "waits for what runs"
    if index is None:
        return "nothing is written here: the layer has no such activation, or the token is not asked for"
    if patching.goes_on:
        return "still to be run"
    return f"not run: {run} goes on with the {patching.sites - patching.done:,} that are left"


def together_words(patches: Patches, sites: Sequence[PatchedSite]) -> str:
    """`4 marked together: .97`, how they fare, or that they were not run."""
    together = patches.together(sites)
    if together is None:
        return ""
    run = together.runs.get(0)
    what = "…" if together.goes_on else "not run"
    return f"{len(sites):,} marked together: {what if run is None else number(run.score)}"
