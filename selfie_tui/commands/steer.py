"""`selfie-tui steer`: let the model answer with a vector added to its stream, beside its plain answer."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from selfie_tui.ascii_json import encode_ascii
from selfie_tui.commands.client import (
    DONE,
    Client,
    all_cores_engine,
    narrate,
    run_command,
    show_line,
)
from selfie_tui.commands.model_options import EXIT_CODES, STACKS, add_model
from selfie_tui.commands.options import add_keeping
from selfie_tui.commands.prompts import chosen_prompt
from selfie_tui.commands.vector_lines import steered_lines
from selfie_tui.commands.vectors import layers_of
from selfie_tui.jobs import Engine
from selfie_tui.kept_vectors import kept_names
from selfie_tui.modes import MODES
from selfie_tui.parse import parse_integer, parse_layers, parse_mode, parse_number, parse_positions
from selfie_tui.records import ModelInfo, Notice, Steer, SteeredSoFar, Token
from selfie_tui.vector_line import parse_line

WHERE = ("all", "prompt", "generated", "last")


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Fill in the command's grammar."""
    command.description = (
        "The plain answer to a prompt, and one for each strength at which a vector is written into the stream. "
        "A random direction of the same norm moves answers too: `--line` is worth what it does beyond that."
    )
    command.epilog = EXIT_CODES
    command.add_argument("line", metavar="LINE", help="a vector, or a line over vectors: paris - rome")
    command.add_argument("prompt", metavar="PROMPT", help="the text that the model goes on from; - reads stdin")
    command.add_argument(
        "--strength", metavar="S", default="1", help="one or more, such as --strength=-2,0,2 (default: 1)"
    )
    command.add_argument("--layers", help="the layers that are written to, such as 10-14 (default: the vector's own)")
    command.add_argument("--where", choices=WHERE, default="all", help="which tokens are steered (default: all)")
    command.add_argument("--tokens", help="in place of --where: tokens of the prompt, such as 3,4 or -1")
    command.add_argument("--mode", default="add", help=f"how it is written: {', '.join(MODES)} (default: add)")
    command.add_argument("--max-new-tokens", metavar="N", default="40", help="tokens of each answer (default: 40)")
    command.add_argument("--odds", metavar="WORD", action="append", default=[], help="measure the log odds of words …")
    command.add_argument("--over", metavar="WORD", action="append", default=[], help="… over these, as the next one")
    command.add_argument("--stack", choices=STACKS, default="", help="which stack is written to (default: the last)")
    command.add_argument("--json", action="store_true", help="one JSON object, with every number")
    add_keeping(command)
    add_model(command)
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace, engine: Callable[[], Engine] = all_cores_engine) -> int:
    """Do the command and return its exit code."""
    return run_command(arguments, steer, engine, entries=False)


def steer(client: Client, arguments: argparse.Namespace) -> int:
    """Load the model, steer it and print both answers; what is wrong whatever the model is refused before the load."""
    prompt = chosen_prompt(arguments.prompt)
    parse_line(arguments.line, kept_names())
    as_task(arguments, prompt, None, ())
    model = client.load(arguments)
    tokens = client.tokens(prompt, arguments.stack) if arguments.tokens else ()
    task = as_task(arguments, prompt, model, tokens)
    for event in client.run(task):
        if isinstance(event, Notice):
            narrate(event.text)
        elif isinstance(event, SteeredSoFar):
            display(event, arguments.json)
    return DONE


def as_task(arguments: argparse.Namespace, prompt: str, model: ModelInfo | None, tokens: tuple[Token, ...]) -> Steer:
    """The task of the arguments; without a model its layers and tokens are left out. Raises RequestError."""
    layers: tuple[int, ...] = ()
    if arguments.layers is not None and model is not None:
        layers = parse_layers(arguments.layers, layers_of(model, arguments.stack))
    return Steer(
        line=arguments.line,
        prompt=prompt,
        strengths=tuple(parse_number(each, "strength") for each in arguments.strength.split(",")),
        layers=layers,
        where=arguments.where,
        positions=parse_positions(arguments.tokens, len(tokens)) if arguments.tokens and model else None,
        mode=parse_mode(arguments.mode),
        max_new_tokens=parse_integer(arguments.max_new_tokens, "number of tokens", 1),
        words=tuple(arguments.odds),
        against=tuple(arguments.over),
        stack=arguments.stack,
    )


def display(event: SteeredSoFar, as_json: bool) -> None:
    """Print the answers once they are finished, and until then how far they are where there is a terminal."""
    if not event.finished:
        show_line(f"{len(event.plain)} tokens")
        return
    show_line("")
    for line in [encode_ascii(event).decode()] if as_json else steered_lines(event):
        print(line, flush=True)
