"""What is known of a run, by name, for people: what documents begin a run with."""

from __future__ import annotations

from collections.abc import Iterator

from selfie_tui.edits import edit_line
from selfie_tui.patch_maps import pair_words
from selfie_tui.records import Interpret, PatchActivations, Steer, layer_name
from selfie_tui.results.writers.patch_table import agreement_of, began_of
from selfie_tui.results.writers.runs import KeptRun
from selfie_tui.results.writers.steer_table import answers_of
from selfie_tui.settings import SETTINGS

Facts = Iterator[tuple[str, str]]


def facts(run: KeptRun) -> Facts:
    """The facts of a run, each with its name; those that there are none of are "". Unsafe to print as they are."""
    began = run.began
    yield "began", began.began
    if began.info:
        info = began.info
        yield "model", " · ".join(part for part in (info.revision, info.device, info.dtype, info.verdict) if part)
        yield "edits", "; ".join(edit_line(edit) for edit in info.edits)
    yield from asked(run)
    yield "versions", " · ".join(f"{name} {version}" for name, version in began.versions.items())
    yield "ending", f"{run.ended.ending if run.ended else 'no end'} · {how_far(run)}"
    if run.ended and run.ended.problem:
        yield "problem", run.ended.problem
    if run.control is not None:
        yield "control", run.control.text


def how_far(run: KeptRun) -> str:
    """How much of a run is there: `12 of 90 cells`, `900 of 900 sites`."""
    if isinstance(run.began.task, Interpret):
        return f"{run.parts} of {len(run.began.request.cells)} cells"
    if isinstance(run.began.task, PatchActivations):
        began = began_of(run)
        return f"{run.parts} of {len(began.sites) if began else 0} sites"
    return "answered" if run.parts else "no answer"


def asked(run: KeptRun) -> Facts:
    """What was asked."""
    task = run.began.task
    if isinstance(task, Interpret):
        yield "states of", str(task.request.module or "")
        yield "interpretation prompt", task.request.preset.text
        yield "settings", " · ".join(f"{setting.field} {setting.written(task.request)}" for setting in SETTINGS)
    elif isinstance(task, PatchActivations):
        yield from patching_asked(run, task)
    else:
        yield from steering_asked(run, task)


def patching_asked(run: KeptRun, task: PatchActivations) -> Facts:
    """What was asked of a patching, and what its two prompts are answered with."""
    began, agreement = began_of(run), agreement_of(run)
    yield "clean", task.clean
    yield "corrupt", task.corrupt
    written = "corrupt into clean (noise)" if task.noise else "clean into corrupt (denoise)"
    yield "patched", f"{written} · {', '.join(task.sites)} · positions {task.kind}"
    if began is None:
        return
    answers = pair_words(began)
    yield "metric", f"{task.metric}{f' {answers}' if answers else ''}"
    yield "values", f"clean {began.clean.value:.4g} · corrupt {began.corrupt.value:.4g}"
    yield "no scores", began.problem
    if agreement is not None:
        yield "attribution", f"rank correlation with the scores {agreement:.2f}"


def steering_asked(run: KeptRun, task: Steer) -> Facts:
    """What was asked of a steering."""
    answers = answers_of(run)
    layers = task.layers if answers is None else answers.layers
    where = task.where if task.positions is None else f"tokens {','.join(map(str, task.positions))}"
    yield "vector", task.line
    yield "written", f"{task.mode} · {', '.join(map(layer_name, layers)) or 'its own layers'} · {where}"
    if task.words:
        yield "log odds", f"{', '.join(task.words)} over {', '.join(task.against)}"
