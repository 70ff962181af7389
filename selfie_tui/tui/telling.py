"""What the status line, the hint line and the prompt's border say, in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from selfie_tui.records import ModelInfo, Progress
from selfie_tui.tui.actions import ACTIONS, Scope, by_scope, hints, keys_of
from selfie_tui.tui.look import Look, Piece, Pieces
from selfie_tui.tui.widgets.layers import LayerList
from selfie_tui.tui.widgets.tokens import TokenStrip
from selfie_tui.tui.work import Work

Prose = Callable[[str], str]


def under_way(work: Work, escape: str, prose: Prose) -> Pieces:
    """What runs, loads or waits, how far it is, and how to stop it with `escape`."""
    if work.cancelling or work.runs_now:
        return progress_pieces(work.progress, work.cancelling, escape)
    if work.loading is not None:
        return _loading(work, escape, prose)
    if work.model is None:
        return (Piece("no model: choose one in pane 1", "warn"),)
    return (Piece("reading the prompt…", "accent"),) if work.wanted else ()


def _loading(work: Work, escape: str, prose: Prose) -> Pieces:
    step, name = work.load_step, work.loading.name if work.loading else ""
    percent = f" {step.fraction:.0%}" if step and step.fraction is not None else ""
    told = Piece(f"{prose(name)}: {prose(step.step) if step else 'loading'}{percent}", "accent")
    if work.wanted:
        forgets = (Piece(escape, "key"), Piece(" forgets  ", "dim"))
        return (Piece("will interpret when ready  ", "warn"), *forgets, told)
    return (told, Piece("  "), Piece(escape, "key"), Piece(" cancels", "dim"))


def model_state(work: Work) -> tuple[str, str, str]:
    """The loaded model, the one being loaded, and how far that is."""
    step = work.load_step
    percent = f"{step.fraction:.0%}" if step and step.fraction is not None else "loading"
    return work.model.name if work.model else "", work.loading.name if work.loading else "", percent


def reads(tokens: TokenStrip, layers: LayerList, look: Look) -> str:
    """What a run would read: `reads 8 of × 9 layers`."""
    positions, read = tokens.read, layers.read
    if not positions or not read:
        return ""
    token = tokens.tokens[positions[0]].text
    one = f"{positions[0]} {look.prose(token).strip() or look.visible(token)}"
    what = one if len(positions) == 1 else f"{len(positions)} tokens"
    return f"reads {what} × {len(read)} layer{'' if len(read) == 1 else 's'}"


def hint_line(scopes: tuple[Scope, ...], keymap: Mapping[str, str], *, typing: bool) -> list[tuple[str, str]]:
    """Keys of the focused widget, then those for panes and help, then the others."""
    told = hints((*scopes, "main", "app"), keymap, typing=typing)
    first, last = (key_of(action, keymap, -1 if typing else 0) for action in ("pane.model", "pane.log"))
    always = [(key_of("back", keymap), "leave")] if typing else []
    always += [(f"{first}–{last[-1]}", "panes"), *(hint for hint in told if hint[1] == "help")]
    own = 2 if typing else 1 + sum(bool(action.hint) for action in by_scope(*scopes) if action.scope != "list")
    others = [hint for hint in told if hint not in always]
    return [*others[:own], *always, *others[own:]]


def key_of(action_id: str, keymap: Mapping[str, str], which: int = 0) -> str:
    """One of the keys of an action, as a reader knows it."""
    action = next(action for action in ACTIONS if action.id == action_id)
    return keys_of(action, keymap)[which]


def model_pieces(model: ModelInfo | None, prose: Prose) -> Pieces:
    """Model, device, precision and the verdict of the identities."""
    if model is None:
        return (Piece("no model", "dim"),)
    proven = "fail" not in model.proof.lower()
    return (
        Piece(prose(model.title or model.name), "strong"),
        Piece(f" · {prose(model.device)} · {prose(model.dtype)} · ", "dim"),
        Piece(prose(model.proof), "good" if proven else "warn"),
    )


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
