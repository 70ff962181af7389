"""`selfie-tui interpret`: interpret cells of a prompt and print what the model says of them."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import msgspec

from selfie_tui.commands.client import (
    DONE,
    NO_MODEL,
    WRONG_USAGE,
    Client,
    Failed,
    all_cores_engine,
    narrate,
    run_command,
)
from selfie_tui.commands.model_options import EXIT_CODES, STACKS, add_model
from selfie_tui.commands.options import add_output, add_settings
from selfie_tui.commands.printing import follow
from selfie_tui.commands.stacks import chosen_stack
from selfie_tui.errors import RequestError, SelfieError
from selfie_tui.jobs import Engine
from selfie_tui.kinds import most_layers, stack_named
from selfie_tui.parse import parse_layers, positions_among
from selfie_tui.records import (
    Cell,
    Interpret,
    ModelInfo,
    Preset,
    Request,
    Token,
)
from selfie_tui.settings import CUSTOM, SETTINGS, Bounds, InterpretSettings, parse_settings
from selfie_tui.streams import read_prompt


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Fill in the command's grammar."""
    command.description = (
        "Interpret cells of a prompt: results on stdout, narration on stderr. An encoder-decoder takes a prompt as "
        "'[INST]what the encoder reads[/INST] what the decoder has written'; an encoder fills in each [MASK] of the "
        "interpretation prompt, or N masks at its end."
    )
    command.epilog = EXIT_CODES
    command.add_argument("prompt", metavar="PROMPT", help="the source prompt; - reads it from stdin")
    add_model(command)
    command.add_argument("--layers", default="all", help="such as embed,0-7 or all (default: all); -1 is the last one")
    command.add_argument(
        "--tokens",
        default="-1",
        help="positions such as 3,4 or 2-5, or all but special ones: all (default: -1, the last one)",
    )
    command.add_argument(
        "--stack", choices=STACKS, default="", help="which stack of a model is read (default: the first)"
    )
    command.add_argument("--template", metavar="TEXT", help="an interpretation prompt of your own, with placeholders")
    command.add_argument("--placeholder", default="_", help="what stands for the activation in --template (default: _)")
    add_settings(command)
    add_output(command)
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace, engine: Callable[[], Engine] = all_cores_engine) -> int:
    """Do the command and return its exit code."""
    return run_command(arguments, interpret, engine)


def interpret(client: Client, arguments: argparse.Namespace) -> int:
    """Load, tokenize, run and print; the exit code. What is wrong whatever the model is refused before it is loaded."""
    try:
        chosen_settings(arguments, Bounds())
        prompt = read_prompt() if arguments.prompt == "-" else arguments.prompt
        if not prompt.strip():
            raise RequestError("The prompt is empty.", "Give the text whose hidden states you want to read.")
    except SelfieError as error:
        narrate(str(error))
        return WRONG_USAGE
    try:
        model = client.load(arguments)
    except Failed as error:
        narrate(str(error))
        return NO_MODEL
    try:
        stack = chosen_stack(model, arguments.stack)
        request = make_request(arguments, model, prompt, stack, client.tokens(prompt, stack))
    except RequestError as error:
        narrate(str(error))
        return WRONG_USAGE
    follow(client, Interpret(request), as_json=arguments.json)
    return DONE


def chosen_settings(arguments: argparse.Namespace, bounds: Bounds) -> InterpretSettings:
    """The settings that the arguments stand for; raises RequestError for the first that is invalid."""
    texts: dict[str, Any] = {setting.field: getattr(arguments, setting.field) for setting in SETTINGS}
    settings = parse_settings(texts, bounds)
    if arguments.template is None:
        return settings
    preset = Preset(CUSTOM, arguments.template, placeholder=arguments.placeholder)
    return msgspec.structs.replace(settings, preset=preset)


def make_request(
    arguments: argparse.Namespace, model: ModelInfo, prompt: str, stack: str, tokens: tuple[Token, ...]
) -> Request:
    """The request that the arguments stand for; layer by layer within a token."""
    layers = parse_layers(arguments.layers, stack_named(model, stack).layers)
    positions = positions_among(arguments.tokens, tokens)
    cells = tuple(Cell(layer, position) for position in positions for layer in layers)
    return chosen_settings(arguments, Bounds(blocks=most_layers(model))).request(prompt, cells, stack)
