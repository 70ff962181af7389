"""A run that was kept, opened as if just run: into the log, with its prompt, marks and settings for the next run."""

from __future__ import annotations

from selfie_tui.interpret_settings import settings_of
from selfie_tui.kinds import stacks_of
from selfie_tui.records import Earlier, Interpret, RunTask
from selfie_tui.results.run_kinds.readings import is_whole
from selfie_tui.results.stored import StoredRun
from selfie_tui.tui.changes import Changed
from selfie_tui.tui.runs import Run, sources_of
from selfie_tui.tui.state import AppState


def run_open(state: AppState, stored: StoredRun) -> Run | None:
    """The run of the log that a stored one is: one of this session, or one that was opened before."""
    if stored.path == state.kept.own:
        return state.runs.get(stored.number)
    return state.opened.get(stored.id)


def next_number(state: AppState) -> int:
    """A number for a run that is read back, which no job has."""
    return -1 - len(state.opened)


def take_opened(state: AppState, stored: StoredRun, run: Run) -> Changed:
    """Take a run that was read back: the next run asks the same of the same cells, if nothing is changed."""
    state.opened[stored.id] = run
    return ask_again(state, run)


def ask_again(state: AppState, run: Run) -> Changed:
    """Have the next run ask what a run asked; cells are marked when the tokens of its prompt are there."""
    request = run.request
    stacks = [stack.name for stack in stacks_of(state.model)] if state.model else []
    changed = state.turn_to(request.stack) if len(stacks) > 1 and request.stack in stacks else Changed()
    state.choose(settings_of(request, state.bounds))
    state.prompt, state.marks_of = request.prompt, run
    state.mark_as_asked()
    return changed._replace(run=run, header=True, settings=True, selection=True, status=True)


def resume(state: AppState, stored: StoredRun, task: Interpret) -> Run:
    """Go on with a run that stopped: what it has finished is there from the start."""
    earlier = task.earlier
    interpretations = dict(earlier.interpretations) if earlier else {}
    here = state.selection.tokens if state.selection.prompt == task.request.prompt else ()
    run = Run(
        number=state.submit(task),
        model=stored.began.model,
        request=task.request,
        sources={token.position: token for token in here} | sources_of(interpretations),
        control=earlier.control if earlier else None,
        interpretations=interpretations,
        info=state.model,
    )
    state.runs[run.number] = run
    return run


def go_on(state: AppState, run: Run) -> Run:
    """Go on with a run of the log that stopped, as `resume` does with one that was kept.

    What a cancellation cut short is made again; all of it is where the control had not come.
    """
    whole = {index: found for index, found in run.interpretations.items() if is_whole(found, run.request)}
    earlier = Earlier(_kept_id(state, run), run.control, tuple(sorted(whole.items()))) if run.control else None
    following = Run(
        number=state.submit(Interpret(run.request, earlier)),
        model=run.model,
        request=run.request,
        sources=run.sources,
        control=run.control,
        interpretations=whole if earlier else {},
        info=state.model,
    )
    state.runs[following.number] = following
    run.gone_on = True
    return following


def _kept_id(state: AppState, run: Run) -> str:
    """The name among all sessions of a run of the log; "" where nothing of it was kept."""
    stored = state.kept.of_job(run.number)
    opened = (id for id, known in state.opened.items() if known is run)
    return stored.id if stored else next(opened, "")


def under_way(state: AppState, task: RunTask) -> bool:
    """Whether a run is being gone on with already."""
    if not isinstance(task, Interpret):
        return state.sent.has(task)
    return any(run.request == task.request and run.state in ("waiting", "running") for run in state.runs.values())
