"""What is known of a run, by name, for people: what documents begin a run with."""

from __future__ import annotations

from selfie_tui.edits import edit_line
from selfie_tui.results.writers.kinds import written
from selfie_tui.results.writers.kinds.kind import Facts
from selfie_tui.results.writers.runs import KeptRun


def facts(run: KeptRun) -> Facts:
    """The facts of a run, each with its name; those that there are none of are "". Unsafe to print as they are."""
    began = run.began
    yield "began", began.began
    if began.info:
        info = began.info
        yield "model", " · ".join(part for part in (info.revision, info.device, info.dtype, info.verdict) if part)
        yield "edits", "; ".join(edit_line(edit) for edit in info.edits)
    yield from written(run).asked(run)
    yield "versions", " · ".join(f"{name} {version}" for name, version in began.versions.items())
    yield "ending", f"{run.ended.ending if run.ended else 'no end'} · {written(run).how_far(run)}"
    if run.ended and run.ended.problem:
        yield "problem", run.ended.problem
    if run.control is not None:
        yield "control", run.control.text
