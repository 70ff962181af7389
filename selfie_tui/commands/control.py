"""`selfie-tui control`: train a copy of a layer's MLP so that a state becomes another one, and show what changes."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator

from msgspec.structs import replace

from selfie_tui.ascii_json import encode_ascii
from selfie_tui.commands.client import (
    DONE,
    Client,
    all_cores_engine,
    narrate,
    run_command,
    show_line,
)
from selfie_tui.commands.control_lines import began_lines, controlled_lines
from selfie_tui.commands.model_options import EXIT_CODES, STACKS, add_model
from selfie_tui.commands.options import add_settings
from selfie_tui.commands.prompts import chosen_prompt
from selfie_tui.commands.requests import chosen_settings
from selfie_tui.errors import RequestError
from selfie_tui.interpret_settings import Bounds
from selfie_tui.jobs import Engine
from selfie_tui.kept_vectors import kept_names
from selfie_tui.kinds import most_layers, stack_named
from selfie_tui.parse import from_end, parse_integer, parse_layers, parse_number, positions_among
from selfie_tui.records import (
    Cell,
    ControlLayer,
    LayerControlBegan,
    LayerControlled,
    LayerControlStep,
    ModelInfo,
    Notice,
    Token,
)
from selfie_tui.streams import prompt_lines
from selfie_tui.vector_line import parse_line


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Fill in the command's grammar."""
    command.description = (
        "Move a layer's output at tokens of a prompt to a target, by training a copy of its MLP (SelfIE's supervised "
        "control). The model itself is not changed. What was learnt shows in prompts that were not trained on: hold "
        "some out, and ask for others with --also."
    )
    command.epilog = f"{EXIT_CODES} · use what was kept: selfie-tui inspect PROMPT --edit 'MODULE = weights:NAME'"
    command.add_argument("prompt", metavar="PROMPT", help="the text whose state is moved; - reads stdin")
    command.add_argument("--layer", required=True, help="the layer that is trained, such as 5 or -1")
    command.add_argument("--tokens", default="-1", help="the tokens whose states are moved (default: -1, the last one)")
    command.add_argument("--toward", metavar="LINE", default="", help="the target: a vector, or a line over vectors")
    command.add_argument("--like", metavar="PROMPT", default="", help="or the state of this prompt at the same layer")
    command.add_argument(
        "--like-token", metavar="N", type=int, default=-1, help="of its token (default: -1, the last one)"
    )
    command.add_argument("--random", action="store_true", help="as far away in a random direction, as a control")
    add_prompts(command)
    command.add_argument("--steps", metavar="N", default="60", help="steps of the training (default: 60)")
    command.add_argument(
        "--rate", metavar="R", default="0.01", help="a step's size, in the weights' own (default: 0.01)"
    )
    command.add_argument("--weight", metavar="W", default="1", help="weight of what is retained (default: 1)")
    command.add_argument("--answer", metavar="N", default="12", help="tokens of each answer (default: 12)")
    command.add_argument("--keep", metavar="NAME", default="", help="keep the weights under a name, or in a file")
    command.add_argument("--overwrite", action="store_true", help="take the place of weights of that name")
    command.add_argument("--stack", choices=STACKS, default="", help="which stack's layer (default: the first)")
    command.add_argument("--json", action="store_true", help="one JSON object an event, with every number")
    command.add_argument("--no-session", action="store_true", help="do not append results to a session file")
    command.add_argument("--template", metavar="TEXT", help="an interpretation prompt of your own, with placeholders")
    command.add_argument("--placeholder", default="_", help="what stands for the vector in --template (default: _)")
    add_settings(command)
    add_model(command)
    command.set_defaults(run=run, out=None)


def add_prompts(command: argparse.ArgumentParser) -> None:
    """The options of other prompts: to retain, held out, and asked."""
    for name, help in (
        ("retain", "a prompt whose states are held where they are"),
        ("held-out", "a prompt that is not trained on, of which what becomes of it is shown"),
    ):
        command.add_argument(f"--{name}", metavar="TEXT", action="append", default=[], help=help)
        command.add_argument(
            f"--{name}-file", metavar="FILE", help='such prompts, one a line, or {"prompt": "…"} a line'
        )
    command.add_argument(
        "--also", metavar="TEXT", action="append", default=[], help="a prompt whose answer is shown, before and after"
    )


def run(arguments: argparse.Namespace, engine: Callable[[], Engine] = all_cores_engine) -> int:
    """Do the command and return its exit code."""
    return run_command(arguments, control, engine, entries=False)


def control(client: Client, arguments: argparse.Namespace) -> int:
    """Load the model, train the layer and print what was before and after; what can be is refused before the load."""
    prompt = chosen_prompt(arguments.prompt)
    if arguments.toward:
        parse_line(arguments.toward, kept_names())
    if bool(arguments.toward) == bool(arguments.like):
        raise RequestError("There is no target, or there are two.", "Give --toward or --like.")
    as_task(arguments, prompt, None, ())
    model = client.load(arguments)
    task = as_task(arguments, prompt, model, client.tokens(prompt, arguments.stack))
    if arguments.like:
        like = client.tokens(arguments.like, arguments.stack)
        task = replace(task, like_position=from_end(arguments.like_token, len(like), "token"))
    for event in client.run(task):
        if isinstance(event, Notice):
            narrate(event.text)
        elif isinstance(event, LayerControlBegan | LayerControlStep | LayerControlled):
            for line in lines_of(event, arguments.json):
                print(line, flush=True)
            if arguments.keep and isinstance(event, LayerControlled):
                narrate(f"use it: selfie-tui inspect PROMPT --edit '{event.module} = weights:{arguments.keep}'")
    return DONE


def lines_of(event: LayerControlBegan | LayerControlStep | LayerControlled, as_json: bool) -> Iterator[str]:
    """The lines of an event; how far the training is stands on a line that is written over, where there is a terminal.

    As JSON each event is a line.
    """
    if as_json:
        yield encode_ascii(event).decode()
    elif isinstance(event, LayerControlStep):
        show_line(
            f"step {event.step}/{event.steps} · {event.distance:.0%} of the way left · others by {event.drift:.1%}"
        )
    else:
        show_line("")
        yield from began_lines(event) if isinstance(event, LayerControlBegan) else controlled_lines(event)


def as_task(
    arguments: argparse.Namespace, prompt: str, model: ModelInfo | None, tokens: tuple[Token, ...]
) -> ControlLayer:
    """The task of the arguments; without a model its cells are left out. Raises RequestError."""
    cells: tuple[Cell, ...] = ()
    blocks = None
    if model is not None:
        blocks = most_layers(model)
        layers = parse_layers(arguments.layer, stack_named(model, arguments.stack).layers)
        if len(layers) != 1:
            raise RequestError(f"“{arguments.layer}” is not one layer.", "Control is of one layer.")
        cells = tuple(Cell(layers[0], position) for position in positions_among(arguments.tokens, tokens))
    settings = chosen_settings(arguments, Bounds() if blocks is None else Bounds(blocks=blocks))
    return ControlLayer(
        request=settings.request(prompt, cells, arguments.stack),
        line=arguments.toward,
        like=arguments.like,
        retain=(*arguments.retain, *from_file(arguments.retain_file)),
        held_out=(*arguments.held_out, *from_file(arguments.held_out_file)),
        also=tuple(arguments.also),
        steps=parse_integer(arguments.steps, "number of steps", 1),
        rate=parse_number(arguments.rate, "rate", 0.0),
        keep=parse_number(arguments.weight, "weight", 0.0),
        random=arguments.random,
        answer_tokens=parse_integer(arguments.answer, "number of tokens", 1),
        file=arguments.keep,
        overwrite=arguments.overwrite,
    )


def from_file(name: str | None) -> list[str]:
    """The prompts of a file, none without one; raises RequestError."""
    return [] if name is None else list(prompt_lines(name))
