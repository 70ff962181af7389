"""A model's modules as an outline that unfolds: which rows are in it, and where a search or a cell leads.

Lists of modules, which no forward calls, have no row of their own: `layers` and its `5` are one row, `layers.5`. Of
equal blocks the model's tree has the first one's parts only (`ModuleNode.like`); those of another are made when they
are looked at. So a model of ten thousand modules costs what is unfolded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec

from selfie_tui.records import ModuleNode

LISTS = frozenset({"ModuleList", "ModuleDict", "ParameterList", "ParameterDict"})
"""Kinds of modules that only hold others."""


class Row(NamedTuple):
    """A row: a module's path, how deep it is, its name there, and whether what is below is unfolded.

    `unfolded` is None where nothing is below.
    """

    path: str
    depth: int
    label: str
    unfolded: bool | None


class Outline:
    """The modules of a model, some of them unfolded; each is meant by its path."""

    def __init__(self, nodes: Iterable[ModuleNode] = ()) -> None:
        self._nodes = {node.path: node for node in nodes}
        self._below: dict[str, list[str]] = {}
        self._tops: list[str] = []
        for path, node in self._nodes.items():
            if node.kind not in LISTS:
                above = self.above(path)
                (self._tops if above is None else self._below.setdefault(above, [])).append(path)
        self._unfolded: set[str] = set()
        self.rows: list[Row] = []
        self._lines: dict[str, int] = {}
        self._list()

    def _list(self) -> None:
        """Make the rows anew."""
        self.rows = [row for top in self._tops for row in self._listed(top, 0)]
        self._lines = {row.path: line for line, row in enumerate(self.rows)}

    def _listed(self, path: str, depth: int) -> Iterator[Row]:
        below, unfolded = self.below(path), path in self._unfolded
        yield Row(path, depth, self.label(path), unfolded if below else None)
        if unfolded:
            for inner in below:
                yield from self._listed(inner, depth + 1)

    # Modules ---------------------------------------------------------------------------------------------------------

    def _model_of(self, path: str) -> str:
        """The path of the module that stands for one whose parts are not in the tree: itself where they are."""
        node = self._nodes.get(path)
        if node is not None:
            return self._model_of(node.like) if node.like else path
        above, part = self._known_above(path)
        return self._model_of(self._nodes[above].like + part) if above else path

    def _known_above(self, path: str) -> tuple[str, str]:
        """The nearest module around a path that is in the tree and stands for another, and the rest of the path."""
        above = path
        while above:
            above = above.rpartition(".")[0]
            if above in self._nodes and self._nodes[above].like:
                return above, path[len(above) :]
        return "", path

    def __contains__(self, path: str) -> bool:
        return path in self._nodes or self._model_of(path) in self._nodes

    def module(self, path: str) -> ModuleNode:
        """The module at a path; of a part of a block that is equal to another, in the layer of its own block."""
        if path in self._nodes:
            return self._nodes[path]
        block = self._nodes[self._known_above(path)[0]]
        return msgspec.structs.replace(
            self._nodes[self._model_of(path)], path=path, layer=block.layer, stack=block.stack
        )

    def label(self, path: str) -> str:
        """The name of a module where it is: its path without that of the module it is in; the whole model's kind."""
        return path[len(self.above(path) or "") :].lstrip(".") or self.module(path).kind

    def above(self, path: str) -> str | None:
        """The module that a module is in, past those that only hold others."""
        while path:
            path = path.rpartition(".")[0]
            node = self._nodes.get(self._model_of(path))
            if node is not None and node.kind not in LISTS:
                return path
        return None

    def below(self, path: str) -> list[str]:
        """The modules in a module."""
        model = self._model_of(path)
        return [path + inner[len(model) :] for inner in self._below.get(model, ())]

    def of_layer(self, layer: int, stack: str) -> str | None:
        """The block of a layer, of the first stack where `stack` is ""."""
        found = (node.path for node in self._nodes.values() if node.layer == layer and stack in ("", node.stack))
        return next(found, None)

    def first_block(self) -> str | None:
        """The first of the blocks, or where the layers are not known the first of several equal modules."""
        known = (node for node in self._nodes.values() if node.layer is not None)
        equal = (self._nodes[node.like] for node in self._nodes.values() if node.like in self._nodes and node.like)
        found = next(known, None) or next(equal, None)
        return found.path if found is not None else None

    # Folding ---------------------------------------------------------------------------------------------------------

    def line_of(self, path: str) -> int:
        """The line of a module, or of the nearest one around it that is in sight."""
        around: str | None = path
        while around is not None and around not in self._lines:
            around = self.above(around)
        return self._lines.get(around or "", 0)

    def is_unfolded(self, path: str) -> bool:
        """Whether what is in a module is in sight where the module is."""
        return path in self._unfolded

    def unfolded(self) -> list[str]:
        """The modules whose parts are in sight where they are."""
        return list(self._unfolded)

    def fold(self, path: str, *, folded: bool = True) -> None:
        """Take the rows below a module away, or have them in sight."""
        if folded:
            self._unfolded.discard(path)
        elif self.below(path):
            self._unfolded.add(path)
        self._list()

    def reveal(self, path: str) -> int:
        """Unfold all that a module is in; its line."""
        if path not in self._lines:
            above = self.above(path)
            while above is not None:
                self._unfolded.add(above)
                above = self.above(above)
            self._list()
        return self._lines.get(path, 0)

    # Finding ---------------------------------------------------------------------------------------------------------

    def paths(self) -> Iterator[str]:
        """The paths of all modules that can be called, in the order in which the model has them."""
        for top in self._tops:
            yield from self._inside(top)

    def _inside(self, path: str) -> Iterator[str]:
        yield path
        for inner in self.below(path):
            yield from self._inside(inner)

    def matches(self, searched: str) -> list[str]:
        """The modules whose path or kind has a text in it, in any case."""
        letters = searched.casefold()
        if not letters:
            return []
        kinds = {path: node.kind.casefold() for path, node in self._nodes.items()}
        return [
            path
            for path in self.paths()
            if letters in path.casefold() or letters in kinds[path if path in kinds else self._model_of(path)]
        ]
