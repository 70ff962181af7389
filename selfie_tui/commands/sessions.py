"""`selfie-tui sessions`: list, show, search, export, delete, resume or replay what was kept of earlier runs."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable
from itertools import chain
from pathlib import Path

from selfie_tui import paths
from selfie_tui.ascii_json import encode_ascii
from selfie_tui.commands.again import of_replay, of_resume
from selfie_tui.commands.client import DONE, RUN_FAILED, WRONG_USAGE, export_narrated, narrate
from selfie_tui.commands.following import print_results
from selfie_tui.commands.kept import all_runs, named, refusing
from selfie_tui.commands.map_lines import line_width
from selfie_tui.commands.model_options import EXIT_CODES, add_layer_paths
from selfie_tui.commands.options import add_output
from selfie_tui.commands.printing import TextPrinter
from selfie_tui.edits import edit_line
from selfie_tui.errors import RequestError
from selfie_tui.records import Control, Interpret, Interpretation, Kept, RunTask
from selfie_tui.results.deleting import delete_run
from selfie_tui.results.entries import Result, encode, local_time
from selfie_tui.results.history import Found, read_run, search
from selfie_tui.results.run_kinds import kind_of
from selfie_tui.results.stored import StoredRun
from selfie_tui.results.writers import ENDINGS
from selfie_tui.settings import SETTINGS
from selfie_tui.text import clip, pad, prose
from selfie_tui.text import width as cells_of

LONGEST_PROMPT = 60
ASKED = 18
"""Cells of what was asked."""
WIDE = 120
"""Cells of a line that has room for how a run ended and for its id."""
NAMES = "a number from the list, an id, a session's name, or all"


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Fill in the command's grammar."""
    command.description = "What was kept of earlier runs, newest first. Only resume and replay load a model."
    command.epilog = EXIT_CODES
    command.set_defaults(run=of_list, json=False)
    actions = command.add_subparsers(metavar="ACTION")

    def add(name: str, run: Callable[[argparse.Namespace], int], help: str) -> argparse.ArgumentParser:
        action = actions.add_parser(name, help=help, allow_abbrev=False, description=help, epilog=EXIT_CODES)
        action.set_defaults(run=run)
        return action

    listing = add("list", of_list, "list all runs (without an action, too)")
    show = add("show", of_show, "show what runs found")
    find = add("search", of_search, "search the texts, prompts, interpretation prompts and models of all runs")
    out = add("export", of_export, "write runs to a file")
    delete = add("delete", of_delete, "delete runs for good")
    resume = add("resume", of_resume, "go on with a run that stopped")
    replay = add("replay", of_replay, "make a run again, and say what differs")
    for action in (show, out, delete):
        action.add_argument("names", nargs="+", metavar="RUN", help=NAMES)
    for action in (listing, show, find):
        action.add_argument("--json", action="store_true", help="one JSON object a line")
    find.add_argument("text", metavar="TEXT", help="what to look for, in upper or lower case")
    out.add_argument("--out", metavar="FILE", type=Path, required=True, help=f"its ending: {' '.join(ENDINGS)}")
    out.add_argument("--overwrite", action="store_true", help="take the place of a file that is there")
    delete.add_argument("--yes", action="store_true", help="do not ask")
    for action in (resume, replay):
        action.add_argument("name", metavar="RUN", help=NAMES)
        add_output(action)
        add_layer_paths(action)
    resume.set_defaults(model=None, device=None, dtype=None)  # its own: those before the command are of the app
    add_other_model(replay)


def add_other_model(to: argparse.ArgumentParser) -> None:
    """The options that have a run made again on another model than its own."""
    to.add_argument("--model", help="another model (default: the run's own)")
    to.add_argument("--device", help="another device (default: the run's own)")
    to.add_argument("--dtype", help="another number format (default: the run's own)")


@refusing
def of_list(arguments: argparse.Namespace) -> int:
    """Print a line for each run."""
    runs = all_runs()
    for number, run in enumerate(runs, 1):
        print(as_json(number, run) if arguments.json else row(number, run, line_width()))
    if not runs:
        narrate(f"There are no runs yet in {paths.sessions_dir()}.")
    return DONE


def row(number: int, run: StoredRun, width: int) -> str:
    """A run on a line of so many cells: number, time, model, what it did, prompt; if it is wide, its end and its id."""
    done = f"{run.done}" if run.done == run.cells else f"{run.done}/{run.cells}"
    asked = pad(clip(prose(run.kind.asked(run.began.task)), ASKED), ASKED)
    what = f"{run.kind.word:7} {done:>7} {asked}"
    first = f"{number:3} {local_time(run.began.began)} {pad(prose(run.began.model), 10)} {what} "
    last = f" {pad('' if run.ending == 'finished' else run.ending, 9)} {prose(run.id)}" if width >= WIDE else ""
    prompt = max(0, min(LONGEST_PROMPT, width - cells_of(first) - cells_of(last)))
    return clip(first + pad(prose(run.prompt), prompt) + last, width).rstrip()


def as_json(number: int, run: StoredRun, **more: object) -> str:
    """A run as a line of JSON."""
    began = run.began
    fields = {
        "number": number,
        "id": run.id,
        "path": str(run.path),
        "began": began.began,
        "model": began.model,
        "ending": run.ending,
        "done": run.done,
        "cells": run.cells,
        "problem": run.problem,
        "info": began.info,
        "kind": run.kind.word,
        **({"request": began.request} if isinstance(began.task, Interpret) else {"task": began.task}),
    }
    return encode_ascii({**fields, **more}).decode()


@refusing
def of_show(arguments: argparse.Namespace) -> int:
    """Print what runs found."""
    for run in named(arguments.names):
        if arguments.json:
            sys.stdout.writelines(encode(entry).decode() + "\n" for entry in read_run(run))
        else:
            show(run)
    return DONE


def show(run: StoredRun) -> None:
    """Print a run: what was asked of what, then what it found."""
    entries = read_run(run)
    print("\n".join(prose(line) for line in header(run)))
    results = (entry for entry in entries if isinstance(entry, Result))
    if isinstance(run.began.task, Interpret):
        printer = TextPrinter()
        for result in results:
            print_result(printer, result.value)
    else:
        print_results(run.began.task, {result.index: result.value for result in results})


def header(run: StoredRun) -> list[str]:
    """The lines over a run's results: its name, model and settings."""
    began, info = run.began, run.began.info
    model = [began.model, *([info.revision, info.device, info.dtype, info.verdict] if info else [])]
    return [
        f"{run.id} · {local_time(began.began)} · {run.ending} · {run.done} of {run.cells}",
        *([run.problem] if run.problem else []),
        " · ".join(part for part in model if part),
        *([f"edited: {'; '.join(edit_line(edit) for edit in info.edits)}"] if info and info.edits else []),
        *asked(began.task),
    ]


def asked(task: RunTask) -> list[str]:
    """What was asked, in lines."""
    if not isinstance(task, Interpret):
        return [f"{kind_of(task).word} · {kind_of(task).asked(task)}", kind_of(task).prompt(task)]
    settings = " · ".join(f"{setting.field} {setting.written(task.request)}" for setting in SETTINGS)
    module = [f"states of {task.request.module}"] if task.request.module else []
    return [*module, settings, task.request.prompt]


def print_result(printer: TextPrinter, value: Kept) -> None:
    """Print a control or an interpretation."""
    if isinstance(value, Control):
        printer.control(value)
    elif isinstance(value, Interpretation):
        printer.cell(value)


@refusing
def of_search(arguments: argparse.Namespace) -> int:
    """Print the runs in which a text is found; 1 if there are none."""
    runs = all_runs()
    numbers = {run.id: number for number, run in enumerate(runs, 1)}
    found = list(search(runs, arguments.text))
    for each in found:
        number = numbers[each.run.id]
        print(
            as_json(number, each.run, matches=each.matches, texts=each.texts) if arguments.json else match(number, each)
        )
    narrate(f"found in {len(found)} of {len(runs)} runs")
    return DONE if found else RUN_FAILED


def match(number: int, found: Found) -> str:
    """A run in which a text was found, and the first texts that have it."""
    count = f"{found.matches} of {found.run.done}" if found.matches else "in what was asked, or in its model"
    lines = [count, *(prose(text) for text in found.texts)]
    return "\n".join([row(number, found.run, line_width()), *(clip(f"     {line}", line_width()) for line in lines)])


@refusing
def of_export(arguments: argparse.Namespace) -> int:
    """Write runs to a file, oldest first."""
    runs = sorted(named(arguments.names), key=lambda run: (run.began.began, run.start))
    entries = chain.from_iterable(map(read_run, runs))
    return DONE if export_narrated(entries, arguments.out, arguments.overwrite) else WRONG_USAGE


@refusing
def of_delete(arguments: argparse.Namespace) -> int:
    """Delete runs, once the user has agreed."""
    runs = named(arguments.names)
    results = Counter[str]()
    for run in runs:
        results[run.kind.noun] += run.done
    what = f"{counted(len(runs), 'run')} with {', '.join(counted(count, noun) for noun, count in results.items())}"
    if not arguments.yes and not agreed(f"Delete {what} for good?"):
        narrate("Nothing was deleted.")
        return RUN_FAILED
    for run in runs:
        delete_run(run)
    narrate(f"deleted {what}")
    return DONE


def counted(count: int, noun: str) -> str:
    """A number of things in words: `1 run`, `2 runs`."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def agreed(question: str) -> bool:
    """Whether the user at the terminal says yes; without a terminal nobody does.

    Raises:
        RequestError: if there is nobody to ask.
    """
    if not sys.stdin.isatty():
        raise RequestError("There is no terminal to ask on.", "Add --yes.")
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")
