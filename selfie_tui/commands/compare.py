"""`selfie-tui compare`: read the same cells of a prompt with two models, and mark where they differ."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from pathlib import Path

from selfie_tui.ascii_json import encode_ascii
from selfie_tui.commands.client import (
    DONE,
    WRONG_USAGE,
    Client,
    Failed,
    NotLoaded,
    all_cores_engine,
    done,
    narrate,
    show_line,
)
from selfie_tui.commands.comparison_printer import Printer
from selfie_tui.commands.following import print_lines
from selfie_tui.commands.model_options import EXIT_CODES, add_layer_paths, add_placement
from selfie_tui.commands.prompts import chosen_prompt
from selfie_tui.commands.requests import add_request, chosen_settings
from selfie_tui.commands.stacks import chosen_stack
from selfie_tui.comparison_table import gathered, rows_of
from selfie_tui.errors import RequestError, SelfieError
from selfie_tui.interpret_settings import Bounds
from selfie_tui.jobs import Engine
from selfie_tui.kinds import most_layers, stack_named
from selfie_tui.parse import parse_block_paths, parse_integer, parse_layers, positions_among
from selfie_tui.paths import sessions_dir
from selfie_tui.records import (
    CompareModels,
    Comparison,
    ComparisonBegan,
    ComparisonProgress,
    Event,
    LoadModel,
    ModelInfo,
    ModelProgress,
    Notice,
    Request,
    Token,
)
from selfie_tui.results.sessions import Session, new_path
from selfie_tui.results.writers.comparisons import FILES, export_comparisons
from selfie_tui.settings import SETTINGS
from selfie_tui.streams import prompt_lines


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Fill in the command's grammar."""
    command.description = (
        "Read the same cells of a prompt with two models: by the lens of each, with --interpret also in words. Where "
        "their words differ there is a ≠. Models of one tokenizer can be compared at every token, others where both "
        "split the prompt alike. What two number formats of one model differ by is the noise to measure against."
    )
    command.epilog = EXIT_CODES
    command.add_argument("model", metavar="MODEL", help="demo (bundled), a folder, a GGUF file, or a hub id")
    command.add_argument("other", metavar="OTHER", help="the model beside it, which is loaded after it")
    command.add_argument("prompt", metavar="PROMPT", help="the source prompt; - reads it from stdin")
    add_placement(command)
    add_layer_paths(command)
    command.add_argument("--other-device", metavar="DEVICE", help="where OTHER runs (default: as --device)")
    command.add_argument("--other-dtype", metavar="DTYPE", help="the number format of OTHER (default: as --dtype)")
    command.add_argument("--other-layer-paths", metavar="PATHS", action="append", default=[], help="those of OTHER")
    add_request(command, tokens="all")
    command.add_argument(
        "--other-layers", metavar="LAYERS", help="the layer of OTHER beside each (default: the one that is as deep)"
    )
    command.add_argument("--top", metavar="K", default="5", help="how many tokens of the lens a cell has (default: 5)")
    command.add_argument("--interpret", action="store_true", help="let both put the cells into words, by the settings")
    command.add_argument(
        "--map",
        metavar="FILE",
        help="fit a map from each layer to the one beside it on the texts of a file, one a line, and let OTHER read "
        "MODEL's states through it; - reads them from stdin",
    )
    command.add_argument("--json", action="store_true", help="one JSON object a cell, on a line of its own")
    endings = " ".join(FILES.writers)
    command.add_argument("--out", metavar="FILE", type=Path, help=f"also write the cells to a file: {endings}")
    command.add_argument("--no-session", action="store_true", help="do not append results to a session file")
    command.add_argument("--overwrite", action="store_true", help="let --out take the place of a file that is there")
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace, engine: Callable[[], Engine] = all_cores_engine) -> int:
    """Do the command and return its exit code. What is wrong for any models is refused before one is loaded."""
    try:
        prompt = chosen_prompt(arguments.prompt)
        parse_integer(arguments.top, "number of tokens", 1)
        check_settings(arguments)
        texts = tuple(prompt_lines(arguments.map)) if arguments.map else ()
        if arguments.out:
            FILES.check(arguments.out, arguments.overwrite)
    except SelfieError as error:
        narrate(str(error))
        return WRONG_USAGE
    session = Session(None if arguments.no_session else new_path(sessions_dir()))
    client = Client(engine, session.append)
    try:
        return done(client, lambda client, arguments: compare(client, arguments, prompt, texts), arguments)
    finally:
        client.jobs.close()
        session.close()


def check_settings(arguments: argparse.Namespace) -> None:
    """Refuse settings that are invalid, and any where nothing is put into words; raises RequestError."""
    chosen_settings(arguments, Bounds())
    given = [setting.option for setting in SETTINGS if getattr(arguments, setting.field) is not None]
    given += ["--template"] if arguments.template is not None else []
    if given and not arguments.interpret:
        raise RequestError(f"{given[0]} says how cells are put into words, and they are not.", "Add --interpret.")


def compare(client: Client, arguments: argparse.Namespace, prompt: str, texts: tuple[str, ...]) -> int:
    """Load the model, compare it with the other, print and write what is found, also of what was stopped half way."""
    model = client.load(arguments)
    stack = chosen_stack(model, arguments.stack)
    task = as_task(arguments, model, prompt, stack, client.tokens(prompt, stack), texts)
    printer = None if arguments.json else Printer()
    found: list[Event] = []
    try:
        for event in client.run(task):
            match event:
                case Notice(text=text):
                    narrate(text)
                case ModelProgress(step=step, fraction=fraction):
                    show_line(f"{task.other.name}: {step}" if fraction is None else f"{step} {fraction:.0%}")
                case ComparisonProgress(step=step, done=steps, total=total):
                    show_line(f"{step}: {steps} of {total}")
                case _:
                    found.append(event)
                    if printer:
                        show_line("")
                        print_lines(printer.taken(event))
    except Failed as error:
        if not begun(found) and not error.refused:  # nothing is done before the other model is there
            raise NotLoaded(str(error), "") from error
        raise
    finally:
        show_line("")
        if begun(found):
            keep(gathered(found), arguments)
    return DONE


def begun(events: Iterable[Event]) -> bool:
    """Whether the other model was there."""
    return any(isinstance(event, ComparisonBegan) for event in events)


def keep(comparison: Comparison, arguments: argparse.Namespace) -> None:
    """Print a comparison as JSON and write it to a file, where that is asked for."""
    if arguments.json:
        for row in rows_of(comparison):
            print(encode_ascii(row).decode(), flush=True)
    if arguments.out and comparison.cells:
        narrate(str(export_comparisons([comparison], arguments.out, overwrite=arguments.overwrite)))


def as_task(
    arguments: argparse.Namespace,
    model: ModelInfo,
    prompt: str,
    stack: str,
    tokens: tuple[Token, ...],
    texts: tuple[str, ...],
) -> CompareModels:
    """The task of the arguments; raises RequestError for layers and tokens that are not there."""
    paths = parse_block_paths(arguments.other_layer_paths)
    device, dtype = arguments.other_device or arguments.device, arguments.other_dtype or arguments.dtype
    layers = parse_layers(arguments.layers, stack_named(model, stack).layers)
    request: Request | None = None
    if arguments.interpret:
        request = chosen_settings(arguments, Bounds(blocks=most_layers(model))).request(prompt, (), stack)
    return CompareModels(
        other=LoadModel(arguments.other, device, dtype, paths),
        prompt=prompt,
        positions=positions_among(arguments.tokens, tokens),
        layers=layers,
        other_layers=None if arguments.other_layers is None else numbers(arguments.other_layers),
        k=parse_integer(arguments.top, "number of tokens", 1),
        stack=stack,
        request=request,
        texts=texts,
    )


def numbers(layers: str) -> tuple[int, ...]:
    """Layers of a model that is not loaded yet, so that none is left out for being too deep; raises RequestError."""
    return parse_layers(layers, 2**16)
