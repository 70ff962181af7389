"""Runs of earlier sessions on a model: resumed where they stopped, or made again beside what was found then."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from selfie_tui.commands.client import DONE, Client, all_cores_engine, narrate, run_command
from selfie_tui.commands.kept import named
from selfie_tui.commands.printing import follow
from selfie_tui.errors import RequestError
from selfie_tui.jobs import Engine
from selfie_tui.records import Interpret, Interpretation, ModelInfo, layer_name
from selfie_tui.results.history import read_began
from selfie_tui.results.resuming import check_resumable, contents, differences, resume_task
from selfie_tui.results.stored import StoredRun


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
    task = resume_task(run) if resuming else Interpret(read_began(run).request)
    model = load_for(client, run, arguments)
    began = run.began
    if resuming:
        check_resumable(began, model)
    for difference in differences(began, model):
        narrate(str(difference))
    if resuming and task.earlier:
        narrate(f"{len(task.earlier.interpretations)} of {run.cells} are there")
    found = follow(client, task, as_json=arguments.json)
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


def compare(run: StoredRun, found: dict[int, Interpretation]) -> None:
    """Narrate how many texts are those of the run, and which are not."""
    _, _, before = contents(run)
    both = sorted(before.keys() & found.keys())
    for index in both:
        if before[index].text != found[index].text:
            cell = found[index].cell
            narrate(f"{layer_name(cell.layer)} · {cell.position} was: {before[index].text}")
    same = sum(before[index].text == found[index].text for index in both)
    narrate(f"{same} of {len(both)} texts are those of {run.id}")
