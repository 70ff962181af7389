"""The line in which a layer's training is asked for: `60 steps at L5 retain others.txt also "The king of" as NAME`."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from selfie_tui.errors import RequestError
from selfie_tui.parse import parse_integer, parse_layers, parse_number
from selfie_tui.records import EMBED, layer_name
from selfie_tui.streams import prompt_lines

HOW = 'STEPS at L5 retain FILE held-out FILE also "PROMPT" rate 0.01 weight 1 random as NAME'
VALUED = ("at", "retain", "held-out", "also", "rate", "weight", "as")


class Training(NamedTuple):
    """What a line asks for; prompts as `ControlLayer` has them, `name` that under which the weights are kept."""

    layer: int
    steps: int
    retain: tuple[str, ...]
    held_out: tuple[str, ...]
    also: tuple[str, ...]
    rate: float
    weight: float
    random: bool
    name: str


def proposal(layer: int) -> str:
    """The line that stands there at first."""
    return f"60 steps at {layer_name(max(layer, 0))}"


def parse_training(text: str, blocks: int) -> Training:
    """What a line asks for, of a stack of so many blocks.

    Raises:
        RequestError: for a line that cannot be read, a layer that there is not, or a file without prompts.
    """
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise RequestError("A quotation mark is not closed.", "Close it.") from error
    options: dict[str, list[str]] = {}
    for name, value in options_in(words):
        options.setdefault(name, []).append(value)

    def last(name: str, default: str) -> str:
        return options.get(name, [default])[-1]

    return Training(
        layer=one_layer(last("at", ""), blocks),
        steps=parse_integer(last("steps", "60"), "number of steps", 1),
        retain=tuple(each for file in options.get("retain", ()) for each in prompts_of(file)),
        held_out=tuple(each for file in options.get("held-out", ()) for each in prompts_of(file)),
        also=tuple(options.get("also", ())),
        rate=parse_number(last("rate", "0.01"), "rate", 0.0),
        weight=parse_number(last("weight", "1"), "weight", 0.0),
        random="random" in options,
        name=last("as", ""),
    )


def options_in(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The options with their values; a number alone is that of steps. Raises RequestError for another word."""
    at = 0
    while at < len(words):
        word = words[at]
        at += 1
        if word.isdigit():
            yield "steps", word
            at += words[at : at + 1] in (["steps"], ["step"])
        elif word == "random":
            yield word, ""
        elif word in VALUED and at < len(words):
            yield word, words[at]
            at += 1
        else:
            raise RequestError(f"Invalid “{word}”.", f"Write {HOW}.")


def one_layer(written: str, blocks: int) -> int:
    """The layer that is written, which is none but a block; raises RequestError."""
    layers = parse_layers(written, blocks) if written else ()
    if len(layers) != 1 or layers[0] == EMBED:
        raise RequestError(f"“{written}” is not one layer.", f"Write at L0 to at L{blocks - 1}: control is of one.")
    return layers[0]


def prompts_of(file: str) -> tuple[str, ...]:
    """The prompts of a file, one a line; raises RequestError."""
    path = Path(file).expanduser()
    if not path.is_file():
        raise RequestError(f"There is no file {file}.", "Write its path.")
    prompts = tuple(prompt_lines(str(path)))
    if not prompts:
        raise RequestError(f"{file} has no prompts.", "Write one a line.")
    return prompts
