"""`selfie-tui vectors`: keep, compute, compare and interpret vectors: states, differences, directions of files."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Callable, Iterable, Iterator
from functools import wraps

from selfie_tui import paths
from selfie_tui.ascii_json import encode_ascii
from selfie_tui.commands.client import (
    DONE,
    WRONG_USAGE,
    Client,
    all_cores_engine,
    narrate,
    run_command,
    stop_printing,
)
from selfie_tui.commands.model_options import EXIT_CODES
from selfie_tui.commands.printing import follow
from selfie_tui.commands.requests import chosen_settings
from selfie_tui.commands.vector_lines import comparison_lines, direction_lines, entry_line, kept_line
from selfie_tui.commands.vector_options import (
    add_compare,
    add_directions,
    add_interpret,
    add_json,
    add_keep,
    add_line,
    add_mean,
    add_overwrite,
)
from selfie_tui.errors import RequestError, SelfieError
from selfie_tui.interpret_settings import Bounds
from selfie_tui.jobs import Engine
from selfie_tui.kept_vectors import kept_names, kept_vectors, remove_vector
from selfie_tui.parse import parse_heads, parse_integer, parse_layers, positions_among
from selfie_tui.records import (
    BrowseDirections,
    Cell,
    CellFinished,
    CompareVectors,
    ControlFinished,
    DirectionsFound,
    Event,
    InterpretLines,
    KeepLine,
    KeepMeans,
    KeepVector,
    ModelInfo,
    Notice,
    Task,
    VectorKept,
    VectorsCompared,
)
from selfie_tui.streams import prompt_lines
from selfie_tui.vector_line import State, leaves, parse_line, written

ENDS: dict[type[Task], type[Event]] = {
    CompareVectors: VectorsCompared,
    BrowseDirections: DirectionsFound,
    KeepLine: VectorKept,
    KeepVector: VectorKept,
}
"""The only event of each quick task, after which no other says that it is done."""

LONGEST_LINE = 240


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Fill in the command's grammar."""
    command.description = (
        "Vectors that are kept under names, each in a file that says where it is from. A vector is also the path of a "
        ".safetensors file, of a control vector (.gguf) or, with an index in brackets, of a sparse autoencoder."
    )
    command.epilog = EXIT_CODES
    command.set_defaults(run=of_list, json=False)
    actions = command.add_subparsers(metavar="ACTION")

    def add(name: str, run: Callable[[argparse.Namespace], int], help: str) -> argparse.ArgumentParser:
        action = actions.add_parser(name, help=help, allow_abbrev=False, description=help, epilog=EXIT_CODES)
        action.set_defaults(run=run, json=False, out=None, no_session=True)
        return action

    add_json(add("list", of_list, "list what is kept, the newest first (without an action, too)"))
    add_keep(add("keep", of_keep, "keep the mean of a layer's states at tokens of a prompt"))
    add_mean(add("mean", of_mean, "keep the mean of a state over prompts, less that over others, at each layer"))
    add_line(add("line", of_line, "compute a line over vectors and, with --keep, keep what it is"))
    take = add("import", of_import, "keep a vector of a file under a name; no model is loaded")
    take.add_argument("file", metavar="FILE", help="a safetensors file, or a control vector (.gguf)")
    take.add_argument("name", metavar="NAME", help="the name that it is kept under")
    take.add_argument("--index", metavar="N", help="of a file with many directions, the one to take")
    take.add_argument("--layer", metavar="L", help="of a file with vectors of several layers, the one to take")
    add_json(add_overwrite(take))
    add_compare(add("compare", of_compare, "norms, cosines and the tokens that the lens reads, of one or more vectors"))
    add_interpret(add("interpret", of_interpret, "have the model put vectors into words"))
    add_directions(add("directions", of_directions, "look through the directions of a sparse autoencoder"))
    remove = add("rm", of_remove, "delete vectors that are kept")
    remove.add_argument("names", nargs="+", metavar="NAME", help="as the list shows it")


def refusing(action: Callable[[argparse.Namespace], int]) -> Callable[[argparse.Namespace], int]:
    """An action without a model whose errors are narrated, and a reader of stdout who leaves is let go."""

    @wraps(action)
    def run(arguments: argparse.Namespace) -> int:
        try:
            return action(arguments)
        except SelfieError as error:
            narrate(str(error))
            return WRONG_USAGE
        except BrokenPipeError:
            return stop_printing()

    return run


@refusing
def of_list(arguments: argparse.Namespace) -> int:
    """Print a line for each vector that is kept."""
    entries = kept_vectors()
    for entry in entries:
        width = shutil.get_terminal_size((LONGEST_LINE, 24)).columns
        print(encode_ascii(entry).decode() if arguments.json else entry_line(entry, width))
    if not entries:
        narrate(f"No vector is kept yet in {paths.vectors_dir()}.")
    return DONE


@refusing
def of_remove(arguments: argparse.Namespace) -> int:
    """Delete the files of vectors."""
    if unknown := [name for name in arguments.names if name not in kept_names()]:
        remove_vector(unknown[0])  # says that it is not there, before any is deleted
    for name in dict.fromkeys(arguments.names):
        narrate(f"deleted {remove_vector(name)}")
    return DONE


@refusing
def of_line(arguments: argparse.Namespace) -> int:
    """Compute a line, and keep what it is where a name is given; a model is loaded where there are texts in it."""
    line, name = arguments.line, arguments.keep or ""
    if any(isinstance(leaf, State) for leaf in leaves(parse_line(line, kept_names()))):
        return with_model(arguments, lambda *_: KeepLine(line, name, arguments.overwrite), all_cores_engine)
    from selfie_tui.engine.methods.vectors import kept_line as compute  # brings in torch

    kept = compute(line, name, arguments.overwrite)
    print(encode_ascii(kept).decode() if arguments.json else kept_line(kept))
    return DONE


def of_import(arguments: argparse.Namespace) -> int:
    """Keep a vector of a file."""
    layer = "" if arguments.layer is None else f"@{arguments.layer.removeprefix('L')}"
    index = "" if arguments.index is None else f"[{arguments.index}]"
    line = f'"{arguments.file}"{layer}{index}' if layer or index else arguments.file
    quoted = line if line.endswith((".safetensors", ".gguf")) or layer or index else written(line)
    return of_line(argparse.Namespace(**vars(arguments) | {"line": quoted, "keep": arguments.name}))


def of_keep(arguments: argparse.Namespace, engine: Callable[[], Engine] = all_cores_engine) -> int:
    """Keep the mean of states of a prompt."""

    def task(client: Client, model: ModelInfo) -> Task:
        tokens = client.tokens(arguments.prompt, arguments.stack)
        layers = parse_layers(arguments.layer, layers_of(model, arguments.stack))
        if len(layers) != 1:
            raise RequestError(f"“{arguments.layer}” is not one layer.", "Use `vectors mean` for several layers.")
        cells = tuple(Cell(layers[0], position) for position in positions_among(arguments.tokens, tokens))
        return KeepVector(arguments.prompt, cells, arguments.name, "", None, arguments.stack, arguments.overwrite)

    return with_model(arguments, task, engine)


def of_mean(arguments: argparse.Namespace, engine: Callable[[], Engine] = all_cores_engine) -> int:
    """Keep a mean over prompts, or a difference of two."""
    try:
        prompts = (*arguments.of, *from_file(arguments.of_file))
        against = (*arguments.less, *from_file(arguments.less_file))
        heads = parse_heads(arguments.heads) if arguments.heads else ()
        if (arguments.layers is None) == (not heads):
            raise RequestError("Give --layers or --heads.", "See selfie-tui vectors mean --help.")
    except SelfieError as error:
        narrate(str(error))
        return WRONG_USAGE

    def task(client: Client, model: ModelInfo) -> Task:
        layers = () if heads else parse_layers(arguments.layers, layers_of(model, ""))
        return KeepMeans(
            prompts=prompts,
            name=arguments.name,
            layers=layers,
            against=against,
            average=arguments.average,
            heads=heads,
            overwrite=arguments.overwrite,
        )

    return with_model(arguments, task, engine)


def of_compare(arguments: argparse.Namespace, engine: Callable[[], Engine] = all_cores_engine) -> int:
    """Compare vectors."""

    def task(client: Client, model: ModelInfo) -> Task:
        top = parse_integer(arguments.top, "number of tokens", 0)
        return CompareVectors(tuple(arguments.lines), top, arguments.centred, arguments.stack)

    return with_model(arguments, task, engine, arguments.lines)


def of_interpret(arguments: argparse.Namespace, engine: Callable[[], Engine] = all_cores_engine) -> int:
    """Have vectors put into words."""
    try:
        chosen_settings(arguments, Bounds())
    except SelfieError as error:
        narrate(str(error))
        return WRONG_USAGE

    def task(client: Client, model: ModelInfo) -> Task:
        settings = chosen_settings(arguments, Bounds(blocks=layers_of(model, "")))
        return InterpretLines(settings.request("", (), ""), tuple(arguments.lines), arguments.adapter)

    return with_model(arguments, task, engine, arguments.lines)


def of_directions(arguments: argparse.Namespace, engine: Callable[[], Engine] = all_cores_engine) -> int:
    """Look through the directions of a file."""

    def task(client: Client, model: ModelInfo) -> Task:
        return BrowseDirections(
            file=arguments.file,
            first=parse_integer(arguments.first, "number of the first one", 0),
            count=parse_integer(arguments.count, "number of directions", 1),
            like=arguments.like,
            word=arguments.word,
            k=parse_integer(arguments.top, "number of tokens", 0),
            stack=arguments.stack,
        )

    return with_model(arguments, task, engine, [arguments.like] if arguments.like else [])


def with_model(
    arguments: argparse.Namespace,
    task: Callable[[Client, ModelInfo], Task],
    engine: Callable[[], Engine],
    lines: Iterable[str] = (),
) -> int:
    """Load the model, do a task and print what comes of it; lines that cannot be read are refused before the load."""

    def command(client: Client, arguments: argparse.Namespace) -> int:
        for line in lines:
            parse_line(line, kept_names())
        asked = task(client, client.load(arguments))
        if isinstance(asked, InterpretLines) and not arguments.json:
            follow(client, asked, as_json=False)
            return DONE
        for event in client.run(asked, **({"until": ENDS[type(asked)]} if type(asked) in ENDS else {})):
            for line in printed(event, arguments.json):
                print(line, flush=True)
        return DONE

    return run_command(arguments, command, engine)


def printed(event: Event, as_json: bool) -> Iterator[str]:
    """The lines that an event is printed as; notices are narrated."""
    if isinstance(event, Notice):
        narrate(event.text)
    elif as_json and isinstance(event, VectorKept | VectorsCompared | DirectionsFound | CellFinished | ControlFinished):
        yield encode_ascii(event).decode()
    elif isinstance(event, VectorKept):
        yield kept_line(event)
    elif isinstance(event, VectorsCompared):
        yield from comparison_lines(event)
    elif isinstance(event, DirectionsFound):
        yield from direction_lines(event)


def layers_of(model: ModelInfo, stack: str) -> int:
    """How many layers a stack of a model has, by default its first one."""
    return next((each.layers for each in model.stacks if each.name == stack), model.layers)


def from_file(name: str | None) -> list[str]:
    """The prompts of a file, none without one; raises RequestError."""
    return [] if name is None else list(prompt_lines(name))
