"""Reads what is typed for layers, tokens and modes: selections such as `embed,0-7` or `-1` or `all`, and names."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from selfie_tui.errors import RequestError
from selfie_tui.modes import mode_named
from selfie_tui.records import EMBED, BlockPaths, Head, Token, ordinary_positions

WRITE_PATHS = "Write first,second or h.{0-11}, and for one of two stacks encoder=enc.{0-5}."
MOST_BLOCKS = 100_000

PART = re.compile(r"(?P<first>-?\d+|embed)(?:-(?P<last>\d+))?")


def parse_layers(text: str, layers: int) -> tuple[int, ...]:
    """Layers in ascending order without repeats; `all` begins with the embeddings, negatives count from the end."""
    return parse(text, layers, "layer", lowest=EMBED)


def parse_positions(text: str, tokens: int) -> tuple[int, ...]:
    """Token positions in ascending order without repeats; negative numbers count from the end."""
    return parse(text, tokens, "token", lowest=0)


def positions_among(text: str, tokens: Sequence[Token]) -> tuple[int, ...]:
    """As `parse_positions`, but `all` leaves out the special tokens of a prompt, which stand for no text."""
    return ordinary_positions(tokens) if text.strip() == "all" else parse_positions(text, len(tokens))


def parse(text: str, count: int, what: str, lowest: int) -> tuple[int, ...]:
    """The numbers that a selection stands for, out of `count` things.

    Raises:
        RequestError: for a selection that cannot be read or that is out of range.
    """
    if text.strip() == "all":
        return tuple(range(lowest, count))
    chosen: set[int] = set()
    for part in text.replace(" ", "").split(","):
        found = PART.fullmatch(re.sub(r"L(?=\d)", "", part) if lowest == EMBED else part)
        if found is None or (found["first"] == "embed" and lowest != EMBED):
            raise RequestError(f"Invalid {what} “{part}”.", f"Write {what}s such as 0-3,5 or -1 or all.")
        first = EMBED if found["first"] == "embed" else from_end(int(found["first"]), count, what)
        last = first if found["last"] is None else from_end(int(found["last"]), count, what)
        chosen.update(range(first, last + 1))
        if last < first:
            raise RequestError(f"“{part}” runs backwards.", f"Write the smaller {what} first.")
    return tuple(sorted(chosen))


def parse_block_paths(texts: Sequence[str]) -> BlockPaths:
    """Stacks, "" for the first, with the paths of their blocks: from `first,second`, `h.{0-11}` or `encoder=enc.{0-5}`.

    Raises:
        RequestError: for a text without a path, and for a stack that is not named beside one that is, or named twice.
    """
    found: dict[str, tuple[str, ...]] = {}
    for text in texts:
        stack, _, paths = text.rpartition("=")
        parts = [part.strip() for part in paths.split(",")]
        if not all(parts):
            raise RequestError(f"Invalid paths of blocks “{text}”.", WRITE_PATHS)
        if stack in found or (found and "" in (stack, *found)):
            raise RequestError("The blocks of a stack are named twice.", WRITE_PATHS)
        found[stack] = tuple(path for part in parts for path in counted_paths(part))
    return tuple(found.items())


def counted_paths(path: str) -> list[str]:
    """The paths that one with a range in it stands for, `h.{0-2}` for `h.0`, `h.1` and `h.2`; any other itself."""
    before, opened, rest = path.partition("{")
    first, dash, last = (inside := rest.partition("}"))[0].partition("-")
    if not opened:
        return [path]
    if not (inside[1] and dash and first.isdecimal() and last.isdecimal()) or not int(first) <= int(last) < MOST_BLOCKS:
        raise RequestError(f"Invalid range in “{path}”.", WRITE_PATHS)
    return [f"{before}{number}{inside[2]}" for number in range(int(first), int(last) + 1)]


def from_end(number: int, count: int, what: str) -> int:
    """A number as it is, or counted from the end where it is negative."""
    if not -count <= number < count:
        raise RequestError(
            f"{what.capitalize()} {number} is out of range: there are {count}.", f"Use 0 to {count - 1}."
        )
    return number + count if number < 0 else number


def parse_mode(name: str) -> str:
    """The mode of that name; `normalized` and `addition` are accepted as SelfIE's names of `blend` and `add`.

    Raises:
        RequestError: if it is the name of no mode.
    """
    return mode_named(name).name


def parse_number(text: str, what: str, least: float = -math.inf) -> float:
    """A finite number of `least` or more.

    Raises:
        RequestError: naming `what` is invalid.
    """
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value < least:
        bound = "" if least == -math.inf else f" of {least:g} or more"
        raise RequestError(f"Invalid {what} “{text}”.", f"Use a finite number{bound}.")
    return value


def parse_integer(text: str, what: str, least: int) -> int:
    """A whole number of `least` or more.

    Raises:
        RequestError: naming `what` is invalid.
    """
    if not text.strip().isdecimal() or int(text) < least:
        raise RequestError(f"Invalid {what} “{text}”.", f"Use a whole number of {least} or more.")
    return int(text)


def parse_heads(text: str) -> tuple[Head, ...]:
    """The heads of a list such as `8.3,11.0`; raises RequestError."""
    found: list[Head] = []
    for part in text.replace(" ", "").split(","):
        layer, dot, head = part.removeprefix("L").partition(".")
        if not dot:
            raise RequestError(f"Invalid head “{part}”.", "Write LAYER.HEAD, such as 8.3.")
        found.append(Head(parse_integer(layer, "layer of a head", 0), parse_integer(head, "head", 0)))
    return tuple(found)
