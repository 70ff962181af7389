"""What the status line, the hint line and the prompt's border say, in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from selfie_tui.kinds import layers_description
from selfie_tui.records import VERIFIED, ModelInfo, Progress, PromptTokens
from selfie_tui.tui.actions import EVERYWHERE, Scope, action_of, by_scope, hints, keys_of
from selfie_tui.tui.render.styles import Piece, Pieces
from selfie_tui.tui.state import AppState

Prose = Callable[[str], str]
Hints = list[tuple[str, str]]
"""Keys and the word for what they do."""

KEPT = ("help", "quit")
"""Words of the hints that go last where a line is short."""


def under_way(work: AppState, escape: str, prose: Prose) -> Pieces:
    """What runs, loads or waits, how far it is, and how to stop it with `escape`."""
    if work.cancelling or work.runs_now:
        return progress_pieces(work.progress, work.cancelling, escape)
    if work.loading is not None:
        return _loading(work, escape, prose)
    if work.model is None:
        return (Piece("no model: choose one in pane 1", "warn"),)
    return (Piece("reading the prompt…", "accent"),) if work.wanted else ()


def _loading(work: AppState, escape: str, prose: Prose) -> Pieces:
    step, name = work.load_step, work.loading.name if work.loading else ""
    percent = f" {step.fraction:.0%}" if step and step.fraction is not None else ""
    told = Piece(f"{prose(name)}: {prose(step.step) if step else 'loading'}{percent}", "accent")
    if work.wanted:
        forgets = (Piece(escape, "key"), Piece(" forgets  ", "dim"))
        return (Piece("will interpret when ready  ", "warn"), *forgets, told)
    return (told, Piece("  "), Piece(escape, "key"), Piece(" cancels", "dim"))


def model_state(work: AppState) -> tuple[str, str, str]:
    """The loaded model, the one being loaded, and how far that is."""
    step = work.load_step
    percent = f"{step.fraction:.0%}" if step and step.fraction is not None else "loading"
    return work.model.name if work.model else "", work.loading.name if work.loading else "", percent


def note_on(event: PromptTokens) -> str:
    """What is to be known of a prompt's tokens: that there are none, or how a decoder gets more than its first."""
    if not event.tokens:
        return "an empty prompt has no tokens"
    if event.stack == "decoder" and "[/INST]" not in event.prompt:
        return "write [INST]encoder's text[/INST] decoder's text"
    return ""


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


def key_of(action_id: str, keymap: Mapping[str, str], which: int = 0) -> str:
    """One of the keys of an action, as a reader knows it."""
    return keys_of(action_of(action_id), keymap)[which]


def model_pieces(model: ModelInfo | None, prose: Prose, key: str) -> tuple[Pieces, ...]:
    """Model, kind, device, precision and the verdict of the identities, from the fullest to the barest.

    `key` is told where the verdict has more to it than fits a line.
    """
    if model is None:
        return ((Piece("no model", "dim"),),)
    name = Piece(prose(model.title or model.name), "strong")
    kind = () if model.kind == "decoder" else (f" · {prose(layers_description(model))}", f" · {prose(model.kind)}")
    place = f" · {prose(model.device)} · {prose(model.dtype)}"
    found = verdict(model, prose)
    end = (
        (Piece(" · ", "dim"), found) if found.role == "good" else (Piece(" · ", "dim"), Piece(f"{key} ", "key"), found)
    )
    told = [f"{kind[0]}{place}", f"{kind[1]}{place}"] if kind else []
    return (*((name, Piece(middle, "dim"), *end) for middle in (*told, place, "")), end[1:])


def verdict(model: ModelInfo, prose: Prose) -> Piece:
    """What the identities found, in the role of its severity, and marked where it is not `verified`."""
    verdict = prose(model.verdict)
    if verdict in (VERIFIED, "proven"):
        return Piece(verdict, "good")
    return Piece(f"! {verdict}", "bad" if " differs by " in verdict else "warn")


def progress_pieces(progress: Progress | None, cancelling: bool, escape: str) -> Pieces:
    """`12/81 cells  0:02 left  esc cancels`."""
    if cancelling:
        return (Piece("cancelling…", "warn"),)
    if progress is None:
        return (Piece("starting  ", "accent"), Piece(escape, "key"), Piece(" cancels", "dim"))
    left = "" if progress.seconds_left is None else f"  {clock(progress.seconds_left)} left"
    done = progress.cells_done
    if not done and progress.steps:
        done_text = f"{100 * progress.steps_done // progress.steps} % of {progress.cells} cells"
    else:
        done_text = f"{done}/{progress.cells} cells"
    return (Piece(f"{done_text}{left}  ", "accent"), Piece(escape, "key"), Piece(" cancels", "dim"))


def clock(seconds: float) -> str:
    """`0:02`, `12:05`, `1:02:03`."""
    minutes, rest = divmod(max(round(seconds), 0), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
