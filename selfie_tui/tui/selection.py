"""The cursor and the marks that all views share: one cell of a prompt's residual stream, and the cells to interpret."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from selfie_tui.records import EMBED, Cell, Token, ordinary_positions


class _Saved(NamedTuple):
    """How a stack was left."""

    tokens: tuple[Token, ...]
    position: int
    layer: int
    marked_positions: frozenset[int]
    marked_layers: frozenset[int]
    marked_cells: frozenset[Cell]


class Selection:
    """Where the cursor is, and which cells are marked, in the stack of the model that is read.

    The cursor is `prompt`, `stack`, `site`, `layer` and `position`. Marks are positions times layers; where they are
    not such a product, `marked_cells` (free marks) has them and the other two stand back.
    """

    def __init__(self) -> None:
        self.prompt = ""
        """The prompt that `tokens` are of; "" while those of another stack or model are on their way."""
        self.stack = ""
        """The stack that is read, where the model has several; "" where it has one."""
        self.site = "resid"
        self.tokens: tuple[Token, ...] = ()
        self.position = 0
        self.layers: tuple[int, ...] = ()
        self.layer = EMBED
        self.layer_chosen = False
        """Whether the cursor is in its layer because the user has moved it."""
        self.position_chosen = False
        """Whether the cursor is on its token because the user has moved it."""
        self.marked_positions: frozenset[int] = frozenset()
        self.marked_layers: frozenset[int] = frozenset()
        self.marked_cells: frozenset[Cell] = frozenset()
        self._left: dict[str, _Saved] = {}

    # What is selected ------------------------------------------------------------------------------------------------

    @property
    def token(self) -> Token | None:
        """The token under the cursor; None where there are no tokens."""
        return self.tokens[self.position] if self.position < len(self.tokens) else None

    @property
    def positions(self) -> tuple[int, ...]:
        """The marked positions, or the cursor's."""
        return tuple(sorted(self.marked_positions)) or ((self.position,) if self.tokens else ())

    @property
    def selected_layers(self) -> tuple[int, ...]:
        """The marked layers, or the cursor's."""
        marked = tuple(layer for layer in self.layers if layer in self.marked_layers)
        return marked or ((self.layer,) if self.layers else ())

    def cells(self) -> tuple[Cell, ...]:
        """The cells that a run interprets: the free marks, or positions times layers, position by position."""
        if self.marked_cells:
            return tuple(sorted(self.marked_cells, key=lambda cell: (cell.position, cell.layer)))
        return tuple(Cell(layer, position) for position in self.positions for layer in self.selected_layers)

    def marks(self) -> int:
        """The number of marked cells; 0 where only the cursor's cell, or its column of marked layers, is selected."""
        if self.marked_cells:
            return len(self.marked_cells)
        return len(self.marked_positions) * len(self.selected_layers)

    def is_marked(self, cell: Cell) -> bool:
        """Whether a cell is one of the marked ones that `marks` counts."""
        if self.marked_cells:
            return cell in self.marked_cells
        return cell.position in self.marked_positions and cell.layer in (self.marked_layers or {self.layer})

    # Moving and marking ----------------------------------------------------------------------------------------------

    def move(self, *, position: int | None = None, layer: int | None = None) -> bool:
        """Put the cursor on a position, a layer or both, as near as there is one; True when it moved."""
        at, row = self.position, self.layer
        moved = self.place(position=position, layer=layer)
        self.position_chosen |= self.position != at
        self.layer_chosen |= self.layer != row
        return moved

    def place(self, *, position: int | None = None, layer: int | None = None) -> bool:
        """Put the cursor somewhere as `move` does, without taking that for the user's choice."""
        before = (self.position, self.layer)
        if position is not None and self.tokens:
            self.position = max(0, min(position, len(self.tokens) - 1))
        if layer is not None and self.layers:
            self.layer = max(EMBED, min(layer, self.layers[-1]))
        return (self.position, self.layer) != before

    def toggle_position(self) -> None:
        """Mark the position under the cursor, or take its mark away."""
        if self.tokens:
            self.mark(positions=self.marked_positions ^ {self.position})

    def toggle_layer(self) -> None:
        """Mark the layer under the cursor, or take its mark away."""
        if self.layers:
            self.mark(layers=self.marked_layers ^ {self.layer})

    def toggle_all_positions(self) -> None:
        """Mark all positions but those of special tokens, unless there are no others; none where these are marked."""
        every = frozenset(ordinary_positions(self.tokens))
        self.mark(positions=frozenset() if self.marked_positions == every else every)

    def toggle_all_layers(self) -> None:
        """Mark all layers, or none where all are marked."""
        every = frozenset(self.layers)
        self.mark(layers=frozenset() if self.marked_layers == every else every)

    def mark(self, *, positions: Iterable[int] | None = None, layers: Iterable[int] | None = None) -> None:
        """Mark these positions or layers and no others, as far as there are such; free marks are given up."""
        if positions is not None:
            self.marked_positions = frozenset(positions) & frozenset(range(len(self.tokens)))
        if layers is not None:
            self.marked_layers = frozenset(layers) & frozenset(self.layers)
        self.marked_cells = frozenset()

    def mark_cells(self, cells: Iterable[Cell]) -> None:
        """Mark these cells and no others: as positions times layers where they are such a product.

        No cells are no marked positions, and all layers.
        """
        marked = frozenset(
            cell for cell in cells if cell.layer in self.layers and 0 <= cell.position < len(self.tokens)
        )
        positions = frozenset(cell.position for cell in marked)
        layers = frozenset(cell.layer for cell in marked)
        if len(marked) == len(positions) * len(layers):
            self.mark(positions=positions, layers=layers or self.layers)
        else:
            self.marked_cells = marked

    def toggle_cells(self, cells: Iterable[Cell]) -> None:
        """Mark these cells beside those that are marked; where all of them are, take their marks away."""
        marked = frozenset(self.cells()) if self.marks() else frozenset()
        toggled = frozenset(cells)
        self.mark_cells(marked - toggled if toggled <= marked else marked | toggled)

    def show_cells(self, cells: Iterable[Cell], sources: Iterable[Token]) -> int:
        """Select cells: mark them, or where they are of one token put the cursor there; how many could be selected.

        Left out are those at a position where one of the `sources` has another text, as with another tokenizer.
        """
        texts = {token.position: token.text for token in self.tokens}
        other = {token.position for token in sources if texts.get(token.position) != token.text}
        asked = tuple(
            cell
            for cell in cells
            if cell.layer in self.layers and cell.position in texts and cell.position not in other
        )
        positions = {cell.position for cell in asked}
        if asked:
            self.mark_cells(asked)
            self.move(position=max(positions))
        if len(positions) == 1 and not self.marked_cells:
            self.mark(positions=())
        return len(asked)

    # Other tokens, stacks, models ------------------------------------------------------------------------------------

    def show_tokens(self, prompt: str, tokens: tuple[Token, ...]) -> None:
        """Take a prompt's tokens.

        The cursor stays where it is if all up to it is the same, else it goes to the last token; marks stay on tokens
        that are the same, and before which all is: what is read of a token depends on what stands before it.
        """
        before, self.tokens, self.prompt = self.tokens, tokens, prompt
        common = _common(before, tokens)
        at_end = self.position >= len(before) - 1
        at = max(len(tokens) - 1, 0) if at_end or self.position >= common else self.position
        self.position_chosen &= at == self.position
        self.position = at
        kept = range(common)
        self.marked_positions &= frozenset(kept)
        self.marked_cells = frozenset(cell for cell in self.marked_cells if cell.position in kept)

    def show_model(self, blocks: int, stack: str) -> None:
        """Take the layers of another model's stack: all marked, unless they are as many as before."""
        layers = (EMBED, *range(blocks))
        if layers != self.layers:
            self.layers, self.marked_layers, self.layer = layers, frozenset(layers), EMBED
            self.layer_chosen = False
            self.marked_cells = frozenset()
        self.stack, self.prompt = stack, ""
        self._left = {}

    def turn_to(self, blocks: int, stack: str) -> None:
        """Go to another stack of the same model, with the cursor and the marks that it was left with.

        At first it has the layers of the stack before, as far as its own go, and all of them where all were marked.
        Its tokens of then stand until those of the prompt as it is now are there.
        """
        layers = (EMBED, *range(blocks))
        all_marked = self.marked_layers == frozenset(self.layers)
        marked = frozenset(layers) if all_marked else self.marked_layers & frozenset(layers)
        self._left[self.stack] = _Saved(
            self.tokens, self.position, self.layer, self.marked_positions, self.marked_layers, self.marked_cells
        )
        new = _Saved((), 0, min(self.layer, blocks - 1), frozenset(), marked, frozenset())
        left = self._left.get(stack, new)
        self.stack, self.layers, self.prompt = stack, layers, ""
        self.tokens, self.position, self.layer = left.tokens, left.position, left.layer
        self.marked_positions, self.marked_layers = left.marked_positions, left.marked_layers
        self.marked_cells = left.marked_cells


def _common(one: tuple[Token, ...], other: tuple[Token, ...]) -> int:
    """The number of tokens that two prompts have in common at their beginning."""
    pairs = zip(one, other, strict=False)
    return next((index for index, (left, right) in enumerate(pairs) if left != right), min(len(one), len(other)))
