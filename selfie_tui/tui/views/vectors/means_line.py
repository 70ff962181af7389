"""The line in which a mean of prompts is asked for: `warm.txt - cold.txt at 4-6 as warmth`, `pairs.txt heads 5.3`."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from selfie_tui.errors import RequestError
from selfie_tui.parse import parse_heads
from selfie_tui.records import Average, Head, KeepMeans
from selfie_tui.streams import prompt_lines
from selfie_tui.tui.views.vectors.steer_settings import layers_typed

HOW = "FILE - FILE at 4-6 as NAME; FILE heads 5.3,6.1 as NAME; in place of a file this prompt: this, or the pair's: A"
PROMPT, PAIR = "this", "A"


class Known(NamedTuple):
    """What stands for the words of the line: the prompt, that of the pair, the layer under the cursor, the layers."""

    prompt: str
    pair: str
    layer: int
    blocks: int


def parse_means(text: str, known: Known) -> KeepMeans:
    """What a line asks for, its name that of the file without a folder.

    `mean` takes the mean over the tokens of each prompt, in place of its last token.

    Raises:
        RequestError: for a line that cannot be read, or a file without prompts.
    """
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise RequestError("A quotation mark is not closed.", "Close it.") from error
    sources, rest = split(words)
    if not sources or len(sources) > 2 or not all(sources):
        raise RequestError("Prompts are missing.", f"Write {HOW}.")
    of, *against = sources
    options = dict(options_in(rest))
    heads: tuple[Head, ...] = parse_heads(options["heads"]) if "heads" in options else ()
    layers = (known.layer,) if "at" not in options else layers_typed(options["at"], known.blocks)
    average: Average = "mean" if "mean" in options else "last"
    return KeepMeans(
        prompts=prompts_of(of, known),
        against=prompts_of(against[0], known) if against else (),
        name=options.get("as") or "-".join(stem_of(source) for source in sources),
        layers=() if heads else layers,
        heads=heads,
        average=average,
    )


def split(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """The sources with `-` between them, and what stands behind them."""
    end = next((at for at, word in enumerate(words) if word in ("at", "heads", "mean", "as")), len(words))
    parts = " ".join(words[:end]).split(" - ") if end else []
    return [part.strip() for part in parts], list(words[end:])


def options_in(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The options with their values; raises RequestError for another word."""
    at = 0
    while at < len(words):
        word = words[at]
        if word == "mean":
            yield word, ""
            at += 1
            continue
        if word not in ("at", "heads", "as") or at + 1 >= len(words):
            raise RequestError(f"Invalid “{word}”.", f"Write {HOW}.")
        yield word, words[at + 1]
        at += 2


def prompts_of(source: str, known: Known) -> tuple[str, ...]:
    """The prompts of a file, one a line, or the one that a word stands for; raises RequestError."""
    if source == PROMPT:
        return (known.prompt,)
    if source == PAIR and known.pair:
        return (known.pair,)
    path = Path(source).expanduser()
    if not path.is_file():
        raise RequestError(f"There is no file {source}.", "Write its path, this, or with a pair A.")
    prompts = tuple(prompt_lines(str(path)))
    if not prompts:
        raise RequestError(f"{source} has no prompts.", "Write one a line.")
    return prompts


def stem_of(source: str) -> str:
    """A word for a source, of which a name can be made."""
    return "".join(letter for letter in Path(source).stem if letter.isalnum() or letter in "_.")[:24] or "prompts"
