"""Runs of earlier sessions on a model: resumed where they stopped, or made again beside what was found then."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from selfie_tui.commands.client import DONE, Client, all_cores_engine, narrate, run_command
from selfie_tui.commands.following import follow_run
from selfie_tui.commands.kept import named
from selfie_tui.errors import RequestError
from selfie_tui.jobs import Engine
from selfie_tui.records import Kept, ModelInfo, earlier_of
from selfie_tui.results.history import read_began
from selfie_tui.results.resuming import check_resumable, contents, differences, resume_task
from selfie_tui.results.run_kinds import said
from selfie_tui.results.run_kinds.kind import RunKind
from selfie_tui.results.stored import StoredRun

MOST_NARRATED = 20
"""Results that are not as they were of which each is told."""

SAME_SCORE = 1e-3
"""How near scores are that count as the same: number formats and devices round in different ways."""


def of_resume(arguments: argparse.Namespace, engine: Callable[[], Engine] = all_cores_engine) -> int:
    """Go on with a run that stopped."""
    return run_command(arguments, resume, engine)


def of_replay(arguments: argparse.Namespace, engine: Callable[[], Engine] = all_cores_engine) -> int:
    """Make a run again."""
    return run_command(arguments, replay, engine)


def resume(client: Client, arguments: argparse.Namespace) -> int:
    """Load a run's model, and go on with it; the exit code."""
    return again(client, arguments, resuming=True)


def replay(client: Client, arguments: argparse.Namespace) -> int:
    """Load a run's model or another one, make the run again, and say what differs; the exit code."""
    return again(client, arguments, resuming=False)


def again(client: Client, arguments: argparse.Namespace, *, resuming: bool) -> int:
    """Resume or replay the run that the arguments name; the exit code."""
    run = one(named([arguments.name]))
    task = resume_task(run) if resuming else run.kind.again(read_began(run).task)
    model = load_for(client, run, arguments)
    began = run.began
    if resuming:
        check_resumable(began, model)
    for difference in differences(began, model):
        narrate(str(difference))
    if resuming and (earlier := earlier_of(task)):
        narrate(f"{earlier.done} of {run.cells} are there")
    found = follow_run(client, task, as_json=arguments.json)
    if not resuming:
        compare(run, found)
    return DONE


def one(runs: list[StoredRun]) -> StoredRun:
    """The only one of some runs; raises RequestError where there are several."""
    if len(runs) != 1:
        raise RequestError(f"That names {len(runs)} runs.", "Name one of them, by its number or its id.")
    return runs[0]


def load_for(client: Client, run: StoredRun, arguments: argparse.Namespace) -> ModelInfo:
    """Load a run's model as it was, or as the arguments have it; raises NotLoaded."""
    info = run.began.info
    own = {"model": run.began.model, "device": info.device if info else "auto", "dtype": info.dtype if info else "auto"}
    chosen = {name: getattr(arguments, name, None) or value for name, value in own.items()}
    blocks = info.layer_paths if info and chosen["model"] == run.began.model else ()
    paths = arguments.layer_paths or [f"{stack}={','.join(each)}" for stack, each in blocks]
    return client.load(argparse.Namespace(**chosen, layer_paths=paths))


def compare(run: StoredRun, found: dict[int, Kept]) -> None:
    """Narrate how many results are those of the run, and which are not."""
    kind, (_, before) = run.kind, contents(run)
    both = sorted(index for index in before.keys() & found.keys() if index >= 0)
    differing = [index for index in both if not is_same(kind, before[index], found[index])]
    for index in differing[:MOST_NARRATED]:
        narrate(f"{kind.label(index, before)} was: {was(kind, before[index])}")
    if len(differing) > MOST_NARRATED:
        narrate(f"and {len(differing) - MOST_NARRATED} more")
    narrate(f"{len(both) - len(differing)} of {len(both)} {kind.compared} are those of {run.id}")


def is_same(kind: RunKind, before: Kept, now: Kept) -> bool:
    """Whether a result is as it was: the words, or a number to a thousandth."""
    one, other = kind.number(before), kind.number(now)
    if one is None or other is None:
        return said(before) == said(now)
    return abs(one - other) < SAME_SCORE or (one != one and other != other)


def was(kind: RunKind, value: Kept) -> str:
    """A result as it was."""
    number = kind.number(value)
    return said(value) if number is None else f"{number:.4f}"
