"""What the run under the cursor said: its settings, its strongest readings, and what has changed since."""

from __future__ import annotations

import math
from collections.abc import Iterator

from textual import events

from selfie_tui import text
from selfie_tui.patch_maps import score_words, sites_words, target_tokens
from selfie_tui.records import (
    Interpret,
    Interpretation,
    ModelInfo,
    PatchActivations,
    PatchBegan,
    PatchedRun,
    RunTask,
    SteeredSoFar,
    layer_name,
)
from selfie_tui.results.resuming import differences as differences_of_models
from selfie_tui.results.stored import StoredRun
from selfie_tui.settings import differences
from selfie_tui.tui.render.flow import flow
from selfie_tui.tui.render.styles import Look, Piece, Pieces, heat, share
from selfie_tui.tui.views.history.glimpse import Glimpse
from selfie_tui.tui.views.history.rows import how_many
from selfie_tui.tui.widgets.lines import ScrolledLines

BRIEFLY = 2
"""Readings that are shown while the keys go elsewhere: each step through the runs sends them."""

SITE_CELLS = 24
"""Cells of a site's name at most."""

REVISION = 12
"""Characters of a revision that are shown."""


class Preview(ScrolledLines):
    """A run in lines, scrolled as a whole."""

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self.run: StoredRun | None = None
        self.glimpse: Glimpse | None = None
        self.found: tuple[int, tuple[str, ...]] = (0, ())
        self.model: ModelInfo | None = None
        self._lines: list[Pieces] = []
        self._brief = True
        """Whether the keys go elsewhere, and only as much is shown as a step through the runs can afford."""

    def show_run(self, run: StoredRun | None, found: tuple[int, tuple[str, ...]], model: ModelInfo | None) -> None:
        """Show a run, how often and where a search has found it, and how it differs from the loaded model."""
        if (run, found, model) != (self.run, self.found, self.model):
            if run is None or self.run is None or run.id != self.run.id:
                self.top = 0
            self.run, self.found, self.model = run, found, model
            self.rebuild()

    def show_glimpse(self, glimpse: Glimpse) -> None:
        """Show what was read of the run, if it is still the one that is shown."""
        self.glimpse = glimpse
        if self.run is not None and self.run.id == glimpse.id:
            self.rebuild()

    def rebuild(self) -> None:
        """Make the lines for the width there is."""
        width = max(self.size.width - 2, 10)
        before, self._lines = self._lines, self._built(width)
        if before != self._lines:
            for number in range(max(len(before), len(self._lines))):
                if before[number : number + 1] != self._lines[number : number + 1]:
                    self.redraw(number)
        self.settle()

    def _built(self, width: int) -> list[Pieces]:
        if self.run is None:
            return []
        glimpse = self.glimpse if self.glimpse is not None and self.glimpse.id == self.run.id else None
        return [
            *settings_lines(self.run, width, self.look),
            *changes_lines(self.run, self.model, width, self.look),
            *found_lines(self.run, self.found, width, self.look),
            *glimpse_lines(glimpse, width, self.look, BRIEFLY if self._brief else None),
        ]

    def count(self) -> int:
        return len(self._lines)

    def pieces(self, index: int) -> Pieces:
        return (Piece(" "), *self._lines[index])

    def copyable(self) -> str:
        """All lines as text."""
        return "\n".join("".join(piece.text for piece in line).rstrip() for line in self._lines)

    def on_focus(self) -> None:
        """Show all that is known."""
        self._brief = False
        self.rebuild()

    def on_blur(self) -> None:
        """Show what a step through the runs can afford."""
        self._brief, self.top = True, 0
        self.rebuild()

    def _on_resize(self, event: events.Resize) -> None:
        self.rebuild()


def settings_lines(run: StoredRun, width: int, look: Look) -> list[Pieces]:
    """What was asked, of what, and how it ended."""
    task, info = run.began.task, run.began.info
    seed = [f"seed {task.request.seed}"] if isinstance(task, Interpret) else []
    made = [*seed, *([info.device, info.dtype, info.verdict] if info else [])]
    revision = info.revision.removeprefix("content:")[:REVISION] if info else ""
    lines = flow([Piece(look.prose(asked_of(run)), "strong")], width)
    lines += flow([Piece(look.prose(" · ".join([*made, *([f"rev {revision}"] if revision else [])])), "dim")], width)
    for line in more_asked(task):
        lines += flow([Piece(look.prose(line), "dim")], width)
    lines += flow([Piece(look.prose(f"“{run.prompt}”"))], width)
    if run.ending not in ("finished", "running"):
        problem = f": {run.problem}" if run.problem else ""
        lines += flow([Piece(look.prose(f"{run.ending}{problem} · {run.done} of {run.cells} are kept"), "warn")], width)
    return lines


def asked_of(run: StoredRun) -> str:
    """What was asked of how much, on a line; unsafe to print as is."""
    task = run.began.task
    if isinstance(task, Interpret):
        request = task.request
        strength = f" ×{request.strength:g}" if request.strength != 1.0 else ""
        cells = f"{run.cells} cells: {how_many(run.positions, 'token')} × {how_many(run.layers, 'layer')}"
        return f"{request.preset.name} at {layer_name(request.injection_layer)}, {request.mode}{strength} · {cells}"
    asked = run.kind.asked(task)
    return f"{asked} · {how_many(run.cells, 'site')}" if isinstance(task, PatchActivations) else asked


def more_asked(task: RunTask) -> list[str]:
    """What else was asked, a line each, but for what is as it always is; unsafe to print as it is."""
    if isinstance(task, Interpret):
        return [" · ".join(differences(task.request))] if differences(task.request) else []
    if isinstance(task, PatchActivations):
        answers = [f"{task.correct} against {task.wrong}" if task.wrong else task.correct] if task.correct else []
        return [" · ".join([", ".join(task.sites), f"positions: {task.kind}", *answers]), f"corrupt: “{task.corrupt}”"]
    layers = [", ".join(map(layer_name, task.layers))] if task.layers else []
    where = task.where if task.positions is None else f"tokens {','.join(map(str, task.positions))}"
    return [" · ".join([task.mode, *layers, f"on {where}", f"{task.max_new_tokens} tokens"])]


def changes_lines(run: StoredRun, model: ModelInfo | None, width: int, look: Look) -> list[Pieces]:
    """What would differ if the run were made again with the loaded model."""
    if model is None or run.began.info is None:
        return []
    changes = differences_of_models(run.began, model)
    if not changes:
        return [(Piece(text.clip("model and versions are as they were", width), "good"),)]
    return flow([Piece("since then: ", "dim"), Piece(look.prose(", ".join(map(str, changes))), "warn")], width)


def found_lines(run: StoredRun, found: tuple[int, tuple[str, ...]], width: int, look: Look) -> Iterator[Pieces]:
    """In how many of its texts a search has found the run, and the first of those."""
    count, texts = found
    if count:
        yield ()
        yield (Piece(text.clip(f"found in {count} of {run.done}", width), "accent"),)
        for found_text in texts:
            yield (Piece(text.clip(look.prose(found_text.strip()), width), "match"),)


def glimpse_lines(glimpse: Glimpse | None, width: int, look: Look, most: int | None = None) -> Iterator[Pieces]:
    """The control and the strongest readings, at most so many of them."""
    if glimpse is None:
        return
    yield ()
    if glimpse.problem:
        yield from flow([Piece(look.prose(glimpse.problem), "bad")], width)
        return
    if glimpse.control:
        yield _reading("control", glimpse.control, None, width, look)
    for reading in glimpse.strongest[:most]:
        yield _reading(_label(reading, look), reading.text, reading.treatment_effect, width, look)
    if glimpse.began is not None:
        yield from _pair(glimpse.began, width, look)
        for run in glimpse.sites[:most]:
            yield _site(glimpse.began, run, width, look)
    if glimpse.answers is not None:
        for name, said in list(_answers(glimpse.answers))[: most and most + 1]:
            yield from flow([Piece(f"{name}  ", "key"), Piece(look.prose(said))], width)


def _pair(began: PatchBegan, width: int, look: Look) -> Iterator[Pieces]:
    """What both prompts are answered with, or why there are no scores."""
    answers = [
        f"{name} {look.visible(prompt.top[0].text)} {share(prompt.top[0].probability)}"
        for name, prompt in (("A", began.clean), ("B", began.corrupt))
        if prompt.top
    ]
    yield (Piece(text.clip("  ".join(answers), width), "dim"),)
    if began.problem:
        yield from flow([Piece(look.prose(began.problem), "warn")], width)


def _site(began: PatchBegan, run: PatchedRun, width: int, look: Look) -> Pieces:
    """A site, its score, and what the model says then."""
    labels = min(SITE_CELLS, width // 2)
    says = look.visible(run.top[0].text) if run.top else ""
    number = f" {score_words(run.score):>5}"
    body = max(width - labels - 1 - len(number), 4)
    return (
        Piece(text.pad(look.prose(sites_words(began.sites[run.index], target_tokens(began))), labels) + " ", "key"),
        Piece(text.pad(says, body), "text"),
        Piece(number, "dim" if math.isnan(run.score) else heat(min(max(run.score, 0.0), 1.0))),
    )


def _answers(answers: SteeredSoFar) -> Iterator[tuple[str, str]]:
    """The plain answer and the steered ones, each with its strength."""
    yield "plain", "".join(token.text for token in answers.plain)
    for each in answers.steered:
        yield f"× {each.strength:g}", "".join(token.text for token in each.tokens)


def _label(reading: Interpretation, look: Look) -> str:
    return f"{layer_name(reading.cell.layer)}·{reading.cell.position} {look.prose(reading.token.text).strip()}"


def _reading(label: str, said: str, effect: float | None, width: int, look: Look) -> Pieces:
    labels = min(16, width // 3)
    number = "" if effect is None else f" {share(effect)}"
    body = max(width - labels - 1 - len(number), 4)
    return (
        Piece(text.pad(label, labels) + " ", "dim" if label == "control" else "key"),
        Piece(text.pad(look.prose(said.strip()), body), "dim" if label == "control" else "text"),
        Piece(number, "dim" if effect is None else heat(effect)),
    )
