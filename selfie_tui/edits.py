"""How an edit of a model's module is typed, and how it is written: `* 0.5 at 9`, `zero`, `= vec:paris`.

| typed | what becomes of the module's output (or input), at the tokens named or at all |
|---|---|
| `zero` | 0 |
| `* 0.5` | itself, times a number |
| `= 3` | a number, everywhere |
| `+ 0.5` | itself, with a number added everywhere |
| `= vec:paris`, `+ 2 vec:paris` | a vector from a file; itself, with so many times the vector added |
| `+ noise 0.1 seed 3` | itself, with normal noise of that standard deviation added |
| `= weights:rome` | what the module makes with the weights of a file, as `selfie-tui control` keeps them |
"""

from __future__ import annotations

import re

from msgspec.structs import replace

from selfie_tui.errors import RequestError
from selfie_tui.parse import parse_integer, parse_number, parse_positions
from selfie_tui.records import Edit, ModuleTensor

FORMS = ("zero", "* 0.5", "= 3", "= vec:NAME", "+ 0.5", "+ vec:NAME", "+ noise 0.1 seed 3")
"""One example of each edit of a module's numbers."""

WEIGHTS_FORM = "= weights:NAME"
"""The edit that has a module compute with other weights."""

HOW = f"Write one of: {' · '.join((*FORMS, WEIGHTS_FORM))}; then, for some tokens only, at 9 or at 3,5-7."
"""What to do about a line that cannot be read."""

VECTOR = "vec:"
"""What stands before the name of a vector."""

WEIGHTS = "weights:"
"""What stands before the name of a file of weights."""

AT = re.compile(r"(?P<edit>.*?)(?:(?:^|\s+)at(?P<positions>|\s.*))?", re.DOTALL)
NOISE = re.compile(r"noise\s*(?P<value>\S+)?(?:\s+seed\s+(?P<seed>\S+))?\s*")
SCALED_VECTOR = re.compile(r"(?:(?P<value>\S+)\s+(?:\*\s*)?)?vec:(?P<name>.*)")


def parse_edit(typed: str, place: ModuleTensor, tokens: int | None = None) -> Edit:
    """The edit that a line means for a module's tensor; `tokens` is the length of the prompt, which bounds positions.

    Raises:
        RequestError: for a line that cannot be read, a number that is not finite, a token that is not in the prompt.
    """
    parts = AT.fullmatch(typed.strip())
    edit, at = (parts["edit"].strip(), parts["positions"]) if parts else ("", None)
    edited = Edit(place.path, "zero", positions=_positions(at, tokens), which=place.which, index=place.index)
    rest = edit[1:].strip()
    if edit == "zero":
        return edited
    if edit.startswith(("*", "×")):
        return replace(edited, action="scale", value=parse_number(rest, "factor"))
    if rest.startswith(WEIGHTS) and edit.startswith("="):
        return _weights(rest, edited)
    if edit.startswith("="):
        name = _vector(rest)
        return replace(edited, action="set", value=1.0 if name else parse_number(rest, "value"), vector=name)
    if edit.startswith("+"):
        return _added(rest, edited)
    if edit.startswith(("-", "−")):
        return replace(edited, action="add", value=-parse_number(rest, "number"))
    raise RequestError(f"Invalid edit “{edit}”." if edit else "There is no edit yet.", HOW)


def _positions(at: str | None, tokens: int | None) -> tuple[int, ...] | None:
    """The tokens that are named; None for all."""
    if at is None or at.strip() == "all":
        return None
    if not at.strip():
        raise RequestError("There are no tokens after “at”.", "Write their numbers, such as 9 or 3,5-7.")
    return parse_positions(at, tokens if tokens is not None else _past(at))


def _past(at: str) -> int:
    """One more than the largest number in a text, which is a bound where the length of a prompt is not known."""
    return max(map(int, re.findall(r"\d+", at)), default=0) + 1


def _vector(rest: str) -> str:
    """The name after `vec:`, "" where there is no vector."""
    if not rest.startswith(VECTOR):
        return ""
    name = rest.removeprefix(VECTOR).strip()
    if not name:
        raise RequestError("There is no name after “vec:”.", "v keeps a vector under a name.")
    return name


def _weights(rest: str, edited: Edit) -> Edit:
    name = rest.removeprefix(WEIGHTS).strip()
    if not name:
        raise RequestError("There is no name after “weights:”.", "`selfie-tui control --keep NAME` keeps weights.")
    if edited.positions is not None:
        raise RequestError("Weights are the same for all tokens.", "Leave “at” out.")
    return replace(edited, action="weights", weights=name)


def _added(rest: str, edited: Edit) -> Edit:
    noise = NOISE.fullmatch(rest)
    if noise is not None:
        value = parse_number(noise["value"] or "", "amount of noise", 0.0)
        return replace(edited, action="noise", value=value, seed=parse_integer(noise["seed"] or "0", "seed", 0))
    vector = SCALED_VECTOR.fullmatch(rest)
    if vector is not None:
        factor = parse_number(vector["value"], "factor") if vector["value"] else 1.0
        return replace(edited, action="add", value=factor, vector=_vector(VECTOR + vector["name"]))
    return replace(edited, action="add", value=parse_number(rest, "number"))


def edit_text(edit: Edit) -> str:
    """An edit as it is typed; `parse_edit` reads it back."""
    at = "" if edit.positions is None else f" at {positions_text(edit.positions)}"
    return f"{_what(edit)}{at}"


def _what(edit: Edit) -> str:
    vector = f"{VECTOR}{edit.vector}"
    match edit.action:
        case "zero":
            return "zero"
        case "scale":
            return f"* {edit.value!r}"
        case "set":
            return f"= {vector if edit.vector else repr(edit.value)}"
        case "noise":
            return f"+ noise {edit.value!r}{f' seed {edit.seed}' if edit.seed else ''}"
        case "weights":
            return f"= {WEIGHTS}{edit.weights}"
        case "add" if edit.vector:
            return f"+ {vector}" if edit.value == 1 else f"+ {edit.value!r} {vector}"
        case _:
            return f"+ {edit.value!r}"


def edit_line(edit: Edit) -> str:
    """An edit with its module: `model.layers.5.mlp * 0.5 at 9`, and `:input.1` behind the path where that is meant."""
    index = f".{edit.index}" if edit.index else ""
    side = f":{edit.which}{index}" if index or edit.which == "input" else ""
    return f"{edit.path}{side} {edit_text(edit)}"


def parse_edit_line(typed: str, tokens: int | None = None) -> Edit:
    """The edit that a line means which begins with its module; `edit_line` writes it.

    Raises:
        RequestError: for a module that is not named, and as `parse_edit`.
    """
    path, _, edit = typed.strip().partition(" ")
    if not edit.strip():
        raise RequestError(f"Invalid edit “{typed.strip()}”.", "Write the module first: layers.5.mlp * 0.5.")
    return parse_edit(edit, parse_module(path), tokens)


def parse_module(typed: str) -> ModuleTensor:
    """A module's tensor as it is typed: its path, and behind a colon `input` or `output` with a number: `mlp:input.1`.

    Raises:
        RequestError: for another word behind the colon.
    """
    path, colon, side = typed.strip().partition(":")
    which, _, index = side.partition(".")
    if (colon and which not in ("input", "output")) or not path:
        raise RequestError(f"Invalid module “{typed}”.", "Write its path, or its path and :input or :output.1.")
    number = parse_integer(index, "number of the tensor", 0) if index else 0
    return ModuleTensor(path, "input" if which == "input" else "output", number)


def positions_text(positions: tuple[int, ...]) -> str:
    """Positions in their order as they are typed: `3,5-7`."""
    runs: list[list[int]] = []
    for position in positions:
        if runs and position == runs[-1][-1] + 1:
            runs[-1].append(position)
        else:
            runs.append([position])
    return ",".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)
