"""The line in which vectors are added and scaled: `king - man + woman`, `2 * unit(formal@L12)`, `mean(a b) / 3`.

| written | is |
|---|---|
| `paris`, `"of city"`, `"./x.safetensors"` | that vector or file; names of other characters stand in quotes |
| `formal@L12` | of a name that has a vector for each of several layers, that of a layer |
| `'The king'@4`, `'The king is'@4[1]` | the state of a text's last token, or of one by its index, at a layer |
| `features[10412]` | of a file with many directions, such as a sparse autoencoder's, one by its index |
| `+ - * /`, parentheses, numbers | sums of vectors, and vectors times or by a number |
| `mean(a b)`, `sum(a b)` | of any number of vectors; commas may stand between them |
| `unit(a)` | at length one |
| `project(a, b)`, `without(a, b)` | the part of a along b, and what is left of a without it |

A name may hold `-`, `@` and other signs: where one of the names that are known begins as the line goes on, the longest
one is taken, so that `of@L5 - of-city` are two names where both are kept, and `a-b` is a difference where they are not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from selfie_tui.vector_line_tokens import FUNCTIONS, HOW, QUOTED, WORD, LineError, Token, next_token, tokens_of

DEEPEST = 60
"""Parentheses within each other, at most."""

LONGEST = 4000
"""Characters of a line, at most."""

FILES = (".safetensors", ".gguf")
"""Endings of files with vectors: a whole line that ends so, without quotes, is the name of one."""


@dataclass(frozen=True, slots=True)
class Number:
    """A number."""

    value: float
    at: int


@dataclass(frozen=True, slots=True)
class Name:
    """A vector by its name, with the layer (-1 for `embed`) or the index that is written behind it."""

    name: str
    layer: int | None
    index: int | None
    at: int

    def __str__(self) -> str:
        """As it is written: `formal@12`, `"of city"`."""
        return f"{written(self.name)}{selection(self.layer, self.index)}"


@dataclass(frozen=True, slots=True)
class State:
    """The state of a text at a layer (-1 for `embed`): of the token at a position, by default of the last one."""

    text: str
    layer: int
    position: int | None
    at: int

    def __str__(self) -> str:
        """As it is written: `'The king'@4`."""
        return f"'{self.text}'{selection(self.layer, self.position)}"


@dataclass(frozen=True, slots=True)
class Negative:
    """What stands behind a minus sign that has nothing before it."""

    operand: Expression
    at: int


@dataclass(frozen=True, slots=True)
class Operation:
    """Two operands with a sign between them."""

    sign: str
    left: Expression
    right: Expression
    at: int


@dataclass(frozen=True, slots=True)
class Call:
    """A function of one or more vectors."""

    function: str
    arguments: tuple[Expression, ...]
    at: int


Expression = Number | Name | State | Negative | Operation | Call


def parse_line(line: str, names: Iterable[str] = ()) -> Expression:
    """What a line means, where vectors of some `names` are known.

    Raises:
        LineError: for a line that cannot be read, saying where.
    """
    if len(line) > LONGEST:
        raise LineError(f"The line has {len(line):,} characters.", f"Use {LONGEST:,} at most.", LONGEST)
    stripped = line.strip()
    if stripped.lower().endswith(FILES) and '"' not in stripped:
        return Name(stripped, None, None, len(line) - len(line.lstrip()))
    reader = Reader(tokens_of(line, names))
    expression = reader.sum()
    reader.expect_end()
    return expression


def leaves(expression: Expression) -> Iterator[Name | State]:
    """The names and texts of an expression in their order."""
    match expression:
        case Name() | State():
            yield expression
        case Negative(operand=operand):
            yield from leaves(operand)
        case Operation(left=left, right=right):
            yield from leaves(left)
            yield from leaves(right)
        case Call(arguments=arguments):
            for each in arguments:
                yield from leaves(each)


def names_in(expression: Expression) -> tuple[str, ...]:
    """The names of an expression in their order, each once."""
    return tuple(dict.fromkeys(leaf.name for leaf in leaves(expression) if isinstance(leaf, Name)))


def terms_in(expression: Expression) -> tuple[str, ...]:
    """The names and texts of an expression as they are written, with layers and indices, in their order, each once."""
    return tuple(dict.fromkeys(str(leaf) for leaf in leaves(expression)))


class Reader:
    """Reads pieces as sums of products; every method raises LineError."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self.tokens = tokens
        self.next = 0
        self.depth = 0

    @property
    def token(self) -> Token:
        """The piece that is read next."""
        return self.tokens[self.next]

    def take(self, *signs: str) -> Token | None:
        """The next piece if it is one of some signs, which is then read."""
        token = self.token
        if token.kind != "sign" or token.text not in signs:
            return None
        self.next += 1
        return token

    def expect_end(self) -> None:
        """Refuse what is left of the line."""
        token = self.token
        if token.kind == "end":
            return
        if token.text == ")":
            raise LineError(f"The “)” at character {token.at + 1} closes nothing.", "Take it out.", token.at)
        raise LineError(
            f"There is no sign before “{token.text}” at character {token.at + 1}.",
            "Write +, -, * or / there.",
            token.at,
        )

    def sum(self) -> Expression:
        """Products with + and - between them."""
        left = self.product()
        while sign := self.take("+", "-"):
            left = Operation(sign.text, left, self.product(), sign.at)
        return left

    def product(self) -> Expression:
        """Factors with * and / between them."""
        left = self.factor()
        while sign := self.take("*", "/"):
            left = Operation(sign.text, left, self.factor(), sign.at)
        return left

    def factor(self) -> Expression:
        """A number, a name, a function, what stands in parentheses, or one of these behind a sign."""
        self.depth += 1
        if self.depth > DEEPEST:
            raise LineError("The line is nested too deeply.", "Take parentheses or signs out.", self.token.at)
        try:
            if sign := self.take("-", "+"):
                operand = self.factor()
                return Negative(operand, sign.at) if sign.text == "-" else operand
            if opened := self.take("("):
                inner = self.sum()
                self.close(opened)
                return inner
            return self.operand()
        finally:
            self.depth -= 1

    def operand(self) -> Expression:
        """A number, a name or a function."""
        token = self.token
        if token.kind in ("sign", "end"):
            where = f"at character {token.at + 1}" if token.kind == "sign" else "at the end"
            raise LineError(f"A name or a number is missing {where}.", HOW, token.at)
        self.next += 1
        if token.kind == "number":
            return Number(float(token.text), token.at)
        if token.kind == "name":
            return Name(token.text, token.layer, token.index, token.at)
        if token.kind == "text":
            assert token.layer is not None  # what makes it a piece
            return State(token.text, token.layer, token.index, token.at)
        return Call(token.text, self.arguments(token), token.at)

    def arguments(self, function: Token) -> tuple[Expression, ...]:
        """What stands in the parentheses behind a function, with commas or nothing between."""
        opened = self.take("(")
        assert opened is not None  # what makes a word a function
        found: list[Expression] = []
        while self.token.kind != "end" and not (self.token.kind == "sign" and self.token.text == ")"):
            found.append(self.sum())
            self.take(",")
        self.close(opened)
        least, most = FUNCTIONS[function.text]
        if len(found) < least or (most is not None and len(found) > most):
            takes = f"{least} or more vectors" if most is None else "one vector" if most == 1 else f"{most} vectors"
            raise LineError(
                f"{function.text}() takes {takes}, and has {len(found)}.",
                f"Write {function.text}({', '.join('ab'[:least])}).",
                function.at,
            )
        return tuple(found)

    def close(self, opened: Token) -> None:
        """Read the parenthesis that closes another one."""
        if self.take(")") is None:
            raise LineError(f"The “(” at character {opened.at + 1} is not closed.", "Write the “)”.", opened.at)


def written(name: str) -> str:
    """A name as it is written in a line, in quotes where it would else be read as something else."""
    is_word = WORD.fullmatch(name) is not None and name not in FUNCTIONS
    return name if is_word or '"' in name else f'"{name}"'


def selection(layer: int | None, index: int | None) -> str:
    """A layer and an index as they are written behind a name: `@4[1]`."""
    at = "" if layer is None else "@embed" if layer < 0 else f"@{layer}"
    return at if index is None else f"{at}[{index}]"


def renamed(line: str, others: Mapping[str, str], names: Iterable[str] = ()) -> str:
    """A line with some of its names written as others, in quotes, where `names` are known besides.

    Raises:
        LineError: for a line with signs that are not part of one.
    """
    known = sorted(filter(None, {*others, *names}), key=len, reverse=True)
    parts: list[str] = []
    at = 0
    while at < len(line):
        if line[at].isspace():
            parts.append(line[at])
            at += 1
            continue
        token, end = next_token(line, at, known)
        if token.kind == "name" and token.text in others:
            quoted = line[at] == '"' and not line.startswith(token.text, at)
            parts.append(f'"{others[token.text]}"{line[at + len(token.text) + 2 * quoted : end]}')
        else:
            parts.append(line[at:end])
        at = end
    return "".join(parts)


def completions(line: str, names: Iterable[str]) -> tuple[str, ...]:
    """The lines that a line may become with the name at its end completed, in the order of the names.

    Names come before functions. A name begins after a space or a sign, or where a longer name that is known does.
    """
    if QUOTED.sub("", line).count("'") % 2:
        return ()  # within a text
    known = tuple(names)
    begins = [at for at in range(len(line) + 1) if at == 0 or line[at - 1] in ' +-*/(,−–×·÷"']
    for at in begins:
        typed = line[at:]
        found = [name for name in known if name.startswith(typed) and name != typed] if typed else []
        before = line[: at - 1] if at and line[at - 1] == '"' else line[:at]
        if found:
            return tuple(f"{before}{name if WORD.match(name) else written(name)}" for name in found)
    last = re.search(r"\w*$", line)
    stem = last[0] if last else ""
    return tuple(f"{line[: len(line) - len(stem)]}{name}(" for name in FUNCTIONS if stem and name.startswith(stem))
