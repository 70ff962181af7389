"""Requests from what is typed: the settings, layers and tokens of a command that interprets."""

from __future__ import annotations

import argparse
from typing import Any

import msgspec

from selfie_tui.commands.model_options import STACKS
from selfie_tui.commands.options import add_settings
from selfie_tui.interpret_settings import CUSTOM, Bounds, InterpretSettings
from selfie_tui.kinds import most_layers, stack_named
from selfie_tui.parse import parse_layers, positions_among
from selfie_tui.records import Cell, ModelInfo, Preset, Request, Token
from selfie_tui.settings import SETTINGS, parse_settings


def add_cells(command: argparse.ArgumentParser, tokens: str) -> None:
    """The options that say which cells are read; `tokens` is the default of theirs."""
    command.add_argument("--layers", default="all", help="such as embed,0-7 or all (default: all); -1 is the last one")
    last = ", the last one" if tokens == "-1" else ""
    command.add_argument(
        "--tokens",
        default=tokens,
        help=f"positions such as 3,4 or 2-5, or all but special ones: all (default: {tokens}{last})",
    )
    command.add_argument(
        "--stack", choices=STACKS, default="", help="which stack of a model is read (default: the first)"
    )


def add_request(command: argparse.ArgumentParser, tokens: str) -> None:
    """The options that say which cells are interpreted and how; `tokens` is the default of theirs."""
    add_cells(command, tokens)
    command.add_argument("--template", metavar="TEXT", help="an interpretation prompt of your own, with placeholders")
    command.add_argument("--placeholder", default="_", help="what stands for the activation in --template (default: _)")
    add_settings(command)


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
    """The request that the arguments stand for; layer by layer within a token.

    Raises:
        RequestError: for layers, tokens or settings that the model or the prompt does not have.
    """
    layers = parse_layers(arguments.layers, stack_named(model, stack).layers)
    positions = positions_among(arguments.tokens, tokens)
    cells = tuple(Cell(layer, position) for position in positions for layer in layers)
    return chosen_settings(arguments, Bounds(blocks=most_layers(model))).request(prompt, cells, stack)
