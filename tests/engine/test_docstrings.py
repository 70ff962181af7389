"""Every function with tensors among its parameters or results says their shapes in its docstring."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import selfie_tui

ROOT = Path(selfie_tui.__file__).parent
CHECKED = ("engine", "library", "utils.py")
"""Folders and modules whose docstrings are checked."""

AXIS = r"(?:\w+(?: \+ \w+)?|\.\.\.|\d+)"
SHAPE = re.compile(rf"\({AXIS},\)|\((?:{AXIS}, )+{AXIS}\)|\(\.\.\.\)|\bscalar\b")
"""A shape such as `(rows, positions, hidden)`, `(hidden,)` or `(..., hidden)`; or the word for one without axes."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions_in(source: str) -> Iterator[tuple[str, Function, str]]:
    """Functions and methods of a module, nested ones left out: qualified name, node, docstring of the class around."""

    def walk(nodes: list[ast.stmt], prefix: str, around: str) -> Iterator[tuple[str, Function, str]]:
        for node in nodes:
            if isinstance(node, Function):
                yield prefix + node.name, node, around
            elif isinstance(node, ast.ClassDef):
                yield from walk(node.body, f"{prefix}{node.name}.", ast.get_docstring(node) or "")

    return walk(ast.parse(source).body, "", "")


def has_tensors(function: Function) -> bool:
    """Whether a parameter or the result is annotated with a tensor."""
    given = function.args
    arguments = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
    annotations = [argument.annotation for argument in arguments if argument] + [function.returns]
    return any(re.search(r"\bTensor\b", ast.unparse(each)) for each in annotations if each)


def is_overload(function: Function) -> bool:
    return any(ast.unparse(decorator).endswith("overload") for decorator in function.decorator_list)


def states_a_shape(function: Function, around: str) -> bool:
    """Whether its docstring has a shape; a constructor's parameters are those of its class."""
    text = ast.get_docstring(function) or ""
    return bool(SHAPE.search(f"{text} {around}" if function.name == "__init__" else text))


def without_a_shape(source: str) -> list[str]:
    """Functions with tensors whose docstrings have no shape."""
    return [
        name
        for name, function, around in functions_in(source)
        if has_tensors(function) and not is_overload(function) and not states_a_shape(function, around)
    ]


def modules() -> list[Path]:
    found = [
        path for name in CHECKED for path in ([ROOT / name] if name.endswith(".py") else (ROOT / name).rglob("*.py"))
    ]
    assert len(found) > 30
    return sorted(found)


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_function_with_tensors_states_their_shapes(path: Path) -> None:
    assert without_a_shape(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("docstring", "found"),
    [
        ("Logits `(rows, vocabulary)` float32.", []),
        ("A state `(hidden,)`.", []),
        ("`(..., hidden)` to `(..., vocabulary)`.", []),
        ("Ids `(1, text + new)`.", []),
        ("A tensor `(...)` of any shape.", []),
        ("The largest number, a scalar.", []),
        ("The states (see `tracing`).", ["run"]),
        ("The states of a prompt, or none (SelfIE, arXiv 2403.10949).", ["run"]),
        ("", ["run"]),
    ],
)
def test_a_shape_is_told_from_other_parentheses(docstring: str, found: list[str]) -> None:
    source = f'def run(states: "dict[int, torch.Tensor]") -> float:\n    """{docstring}"""'
    assert without_a_shape(source) == found


def test_methods_and_results_are_checked_and_functions_without_tensors_are_not() -> None:
    source = (
        "class A:\n"
        "    def __init__(self, x: torch.Tensor) -> None: ...\n"
        "    def read(self) -> list[torch.Tensor | None]: ...\n"
        "    def size(self, ids: list[int]) -> int: ...\n"
    )
    assert without_a_shape(source) == ["A.__init__", "A.read"]
