"""What the status line, the hint line and the prompt's border say, in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from selfie_tui import text
from selfie_tui.kinds import layers_description
from selfie_tui.paths import under_home
from selfie_tui.records import VERIFIED, ModelInfo, Progress, layer_name
from selfie_tui.tui.action import Scope
from selfie_tui.tui.actions import action_of, by_scope
from selfie_tui.tui.frame_actions import EVERYWHERE
from selfie_tui.tui.key_words import hints, keys_of
from selfie_tui.tui.render.styles import Look, Piece, Pieces, Role
from selfie_tui.tui.runs import State
from selfie_tui.tui.selection import Selection
from selfie_tui.tui.state import AppState

Prose = Callable[[str], str]

Hints = list[tuple[str, str]]
"""Keys and the word for what they do."""

KEPT = ("help", "quit")
"""Words of the hints that go last where a line is short."""

ENDED: dict[State, Role] = {"finished": "dim", "cancelled": "warn", "failed": "bad"}
"""How the outcome of a run is drawn."""


def under_way(state: AppState, escape: str, prose: Prose, ended: Pieces = ()) -> Pieces:
    """What runs, loads or waits, how far it is, and how to stop it with `escape`; else how a job or the last run ended.

    `ended` is how the job of the view that is shown did.
    """
    if state.cancelling or state.runs_now:
        running = state.runs.get(state.running or 0)
        cells = len(running.request.cells) if running else 0
        return progress_pieces(state.progress, cells, state.cancelling, escape, state.unheard)
    if state.loading is not None:
        return _loading(state, escape, prose)
    if state.calibrates_now:
        return calibration_pieces(state, escape, prose)
    if state.compares_now:
        return comparison_pieces(state, escape, prose)
    if state.model is None:
        return (Piece("no model: choose one in pane 1", "warn"),)
    return (Piece("reading the prompt…", "accent"),) if state.pending_view else ended or outcome(state)


def outcome(state: AppState, *, timed: bool = True) -> Pieces:
    """How the last run ended: `90 readings · 2.1 s`, `cancelled · 12 of 90`; without its time if it is not `timed`."""
    run = state.last_run
    return ended_pieces(run.state, run.description(timed=timed)) if run is not None else ()


def ended_pieces(state: State, description: str) -> Pieces:
    """How something ended, in the role of its state; nothing of what goes on."""
    return (Piece(description, ENDED[state]),) if state in ENDED else ()


def _loading(state: AppState, escape: str, prose: Prose) -> Pieces:
    step, name = state.load_step, state.loading.name if state.loading else ""
    percent = f" {step.fraction:.0%}" if step and step.fraction is not None else ""
    name = text.clip_path(prose(under_home(name)), NAME_CELLS)
    description = Piece(f"{name}: {prose(step.step) if step else 'loading'}{percent}", "accent")
    if state.pending_view:
        forgets = (Piece(escape, "key"), Piece(" forgets  ", "dim"))
        return (Piece("will interpret when ready  ", "warn"), *forgets, description)
    return (description, Piece("  "), Piece(escape, "key"), Piece(" cancels", "dim"))


def edited(state: AppState) -> Pieces:
    """How many edits of the model stand, as ` EDITED 2 `; nothing where none does."""
    count = len(state.model.edits) if state.model else 0
    return (Piece(f" EDITED {count} ", "slot"),) if count else ()


def model_state(state: AppState) -> tuple[str, str, str]:
    """The loaded model, the one being loaded, and how far that is."""
    step = state.load_step
    percent = f"{step.fraction:.0%}" if step and step.fraction is not None else "loading"
    return state.model.name if state.model else "", state.loading.name if state.loading else "", percent


def prompt_note(state: AppState) -> str:
    """What is to be known of a prompt's tokens: that there are none, or how a decoder gets more than its first."""
    if state.prompt_problem:
        return state.prompt_problem
    if not state.selection.tokens:
        return "" if state.prompt else "an empty prompt has no tokens"
    if state.stack == "decoder" and "[/INST]" not in state.selection.prompt and state.selection.prompt:
        return "write [INST]encoder's text[/INST] decoder's text"
    return ""


NAME_CELLS = 24
"""Cells that the name of a model that is being loaded has at most."""

LONG = 2.0
"""Seconds after which a run of which nothing is heard says how long it has been at work."""

HAND_CELLS = 10
"""Cells that the token in the hand has at least."""


def hand(selection: Selection, look: Look, pair: str = "") -> Pieces:
    """The cursor's cell, the number of marked cells, what of a pair there is: `L18 · 9 of   3 marked   pair: A`."""
    token = selection.token
    if token is None or not selection.layers:
        return ()
    site = "" if selection.site == "resid" else f"{selection.site} "
    shown = look.prose(token.text).strip() or look.visible(token.text)
    shown = text.pad(shown, max(text.width(shown), HAND_CELLS))  # so that what stands before it stays where it is
    cell = Piece(f"{site}{layer_name(selection.layer)} · {token.position} {shown}", "strong")
    marks = selection.marks()
    marked = (Piece(f"   {marks:,} marked", "accent"),) if marks else ()
    return (cell, *marked, Piece(f"   {pair}", "dim")) if pair else (cell, *marked)


def pair_words(state: AppState) -> str:
    """Which prompt of a pair is read: `pair: –` without one, `pair: at A` the source itself, `pair: A` another."""
    return "pair: –" if state.pair is None else "pair: at A" if state.at_source else "pair: A"


def tabs(names: Sequence[tuple[str, str]], here: tuple[str, str], *, folded: bool = False) -> Pieces:
    """The letters and titles of the views, the one that is shown between bars; `folded`, of the others the letter."""
    pieces: list[Piece] = []
    for letter, title in names:
        current = (letter, title) == here
        left, right = ("▌", "▐") if current else (("", "") if folded else (" ", " "))
        name = f"{letter} {title}" if current or not folded else letter
        gap = " " if folded and pieces else ""
        pieces.append(Piece(f"{gap}{left}{name}{right}", "key" if current else "dim"))
    return tuple(pieces)


def hint_line(
    scopes: tuple[Scope, ...], keymap: Mapping[str, str], *, typing: bool, stack: str = ""
) -> tuple[Hints, Hints]:
    """Hints at the left, and those at the right, which are kept longest: help and quit.

    At the left come the keys of the focused widget, then those for the other `stack` and for panes, then the others.
    """
    available = hints((*scopes, *EVERYWHERE), keymap, typing=typing)
    kept = [hint for word in KEPT for hint in available if hint[1] == word]
    first, last = (key_of(action, keymap, -1 if typing else 0) for action in ("pane.model", "pane.log"))
    always = [(key_of("back", keymap), "leave")] if typing else []
    always += [(key_of("stack.next", keymap, -1 if typing else 0), stack)] if stack else []
    always += [(f"{first}–{last[-1]}", "panes")]
    own = 2 if typing else 1 + sum(bool(action.hint) for action in by_scope(*scopes) if action.scope != "list")
    own -= 1 if stack and not typing else 0  # the other stack's key replaces a less important one
    others = [hint for hint in available if hint not in always and hint not in kept]
    return [*others[:own], *always, *others[own:]], kept


def no_pair_words(state: AppState, keymap: Mapping[str, str]) -> str:
    """Why there is nothing to compare the prompt with, and what to do; "" where there is."""
    keep, edit = key_of("pair.toggle", keymap), key_of("edit.prompt", keymap)
    if state.pair is None:
        return f"There is no pair yet: {keep} keeps this prompt as A, then {edit} edits it."
    return f"This prompt is A itself: {edit} edits it." if state.at_source else ""


def key_of(action_id: str, keymap: Mapping[str, str], which: int = 0) -> str:
    """One of the keys of an action, as a reader knows it."""
    return keys_of(action_of(action_id), keymap)[which]


def model_pieces(model: ModelInfo | None, prose: Prose, key: str) -> tuple[Pieces, ...]:
    """Model, kind, device, precision and the verdict of the identities, from the fullest to the barest.

    `key` stands where the verdict has more to it than fits a line.
    """
    if model is None:
        return ((Piece("no model", "dim"),),)
    name = Piece(prose(model.title or model.name), "strong")
    kind = () if model.kind == "decoder" else (f" · {prose(layers_description(model))}", f" · {prose(model.kind)}")
    device = f" · {prose(model.device)} · {prose(model.dtype)}"
    found = verdict(model, prose)
    end = (
        (Piece(" · ", "dim"), found) if found.role == "good" else (Piece(" · ", "dim"), Piece(f"{key} ", "key"), found)
    )
    middles = [f"{kind[0]}{device}", f"{kind[1]}{device}"] if kind else []
    return (*((name, Piece(middle, "dim"), *end) for middle in (*middles, device, "")), end[1:])


def verdict(model: ModelInfo, prose: Prose) -> Piece:
    """What the identities found, in the role of its severity, and marked where it is not `verified`."""
    verdict = prose(model.verdict)
    if verdict in (VERIFIED, "proven"):
        return Piece(verdict, "good")
    return Piece(f"! {verdict}", "bad" if " differs by " in verdict else "warn")


def progress_pieces(
    progress: Progress | None, cells: int, cancelling: bool, escape: str, unheard: float = 0.0
) -> Pieces:
    """`reading 310 states…`, then `12/81 cells  0:02 left  esc cancels`, with the share where no cell is done yet.

    `unheard` are the seconds since the progress was new: the time left goes on, as does the time since the beginning.
    """
    if cancelling:
        return (Piece("cancelling…", "warn"),)
    cancels = (Piece(escape, "key"), Piece(" cancels", "dim"))
    if progress is None or not progress.steps_done:
        what = f"reading {cells:,} {'state' if cells == 1 else 'states'}…  " if cells else "starting…  "
        since = f"{clock(unheard)}  " if unheard >= LONG else ""
        return (Piece(f"{what}{since}", "accent"), *cancels)
    left = _left(progress.seconds_left, unheard)
    share = f"{100 * progress.steps_done // max(progress.steps, 1)} % · " if not progress.cells_done else ""
    return (Piece(f"{share}{progress.cells_done}/{progress.cells} cells{left}  ", "accent"), *cancels)


def calibration_pieces(state: AppState, escape: str, prose: Prose) -> Pieces:
    """`calibrating identity 40 %  0:12 left  esc cancels`."""
    task, progress = state.calibrating, state.progress
    done = f" {100 * progress.steps_done // max(progress.steps, 1)} %" if progress else ""
    left = _left(progress.seconds_left, state.unheard) if progress else ""
    name = prose(task.preset.name) if task else ""
    return (Piece(f"calibrating {name}{done}{left}  ", "accent"), Piece(escape, "key"), Piece(" cancels", "dim"))


def comparison_pieces(state: AppState, escape: str, prose: Prose) -> Pieces:
    """`comparing with noisy: reading the weights  esc cancels`."""
    task = state.compared.task
    name = text.clip_path(prose(under_home(task.other.name)), NAME_CELLS) if task else ""
    step = f": {prose(state.compared.step)}" if state.compared.step else ""
    return (Piece(f"comparing with {name}{step}  ", "accent"), Piece(escape, "key"), Piece(" cancels", "dim"))


def _left(seconds: float | None, unheard: float) -> str:
    """`  0:02 left`, by now; nothing where it is not known. What is not at its end has a second left at least."""
    return "" if seconds is None else f"  {clock(max(seconds - unheard, min(seconds, 1.0)))} left"


def clock(seconds: float) -> str:
    """`0:02`, `12:05`, `1:02:03`."""
    minutes, rest = divmod(max(round(seconds), 0), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
