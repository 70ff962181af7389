"""Every nnsight block of the project, each tiny: read residual states, and run a prompt with vectors written into it.

The body of a `with model.trace(...)` block is captured as source and interleaved with the real forward; modules must be
touched in forward order, and only values given to `nnsight.save` come back. Looping over `tracer.iter[n]` chooses the
n-th call of a module, which matters where several layers share one.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import nnsight
import torch
from nnsight import CONFIG, NNsight

from selfie_tui.engine.anatomy.locations import Activation, Patch, TensorLocation
from selfie_tui.engine.anatomy.places import Anatomy
from selfie_tui.engine.anatomy.stacks import Block
from selfie_tui.engine.injection import Injection, inject
from selfie_tui.records import EMBED

CONFIG.APP.REMOTE_LOGGING = False


@dataclass(frozen=True)
class Place:
    """A layer as nnsight sees it."""

    site: Block
    entry: Any
    block: Any

    def before(self) -> torch.Tensor:
        """`resid_pre` as a view `(rows, positions, ...)`; only inside a trace."""
        return self.site.taken.of(self.entry.inputs)

    def after(self) -> torch.Tensor:
        """`resid_post` as a view `(rows, positions, ...)`; only inside a trace."""
        return self.site.given.of(self.block.output)


@dataclass(frozen=True)
class TracedModel:
    """An nnsight model around a torch module, and the layers of its stacks in it."""

    root: Any
    stacks: dict[str, tuple[Place, ...]]

    def layers(self, stack: str) -> tuple[Place, ...]:
        """The layers of a stack; of the first one for an empty name."""
        return self.stacks[stack] if stack else next(iter(self.stacks.values()))


def wrap(module: Any, anatomy: Anatomy) -> TracedModel:
    """An nnsight model around a torch module whose stacks are known."""
    with warnings.catch_warnings():
        # a submodule called `output` (BERT) is warned of, and is not reached by that name here
        warnings.simplefilter("ignore", UserWarning)
        root = NNsight(module)
    envoys = {id(envoy._module): envoy for envoy in root.modules()}
    return TracedModel(
        root,
        {
            stack.name: tuple(Place(site, envoys[id(site.entry)], envoys[id(site.module)]) for site in stack.sites)
            for stack in anatomy.stacks
        },
    )


def read_residuals(
    traced: TracedModel, stack: str, inputs: dict[str, Any], layers: Sequence[int], cells: tuple[list[int], list[int]]
) -> dict[int, torch.Tensor]:
    """Residual states by layer, each `(cells, width)`, of a batch, in one forward; `cells` are rows and positions.

    The forward stops after the last block that is needed: norm and head never run.
    """
    wanted = sorted(set(layers))
    places = traced.layers(stack)
    found: dict[int, torch.Tensor]
    with torch.no_grad(), traced.root.trace(**inputs) as tracer:
        found = nnsight.save({})
        for layer in wanted:
            place = places[max(layer, 0)]
            for _ in tracer.iter[place.site.call]:
                state = place.before() if layer == EMBED else place.after()
                found[layer] = state[cells].flatten(1)
        tracer.stop()
    return found


def run_injected(traced: TracedModel, inputs: dict[str, Any], injection: Injection) -> Any:
    """The model's output for a batch in whose first rows the injection's vectors are written."""
    with torch.no_grad(), traced.root.trace(**inputs) as tracer:
        for stack, positions in injection.parts:
            place = traced.layers(stack)[max(injection.layer, 0)]
            for _ in tracer.iter[place.site.call]:
                write(place.before() if injection.layer == EMBED else place.after(), positions, injection)
        output: Any = nnsight.save(traced.root.output)
    return output


def write(state: torch.Tensor, positions: Sequence[int], injection: Injection) -> None:
    """Write an injection into a stream, `(rows, positions, ...)`, in place."""
    rows, places = injection.vectors.shape[0], list(positions)
    there = state[:rows, places]  # (rows, positions, ...)
    new = inject(there.flatten(2), injection.vectors, injection.mode, injection.strength)
    state[:rows, places] = new.reshape(there.shape)


def read_block_ends(traced: TracedModel, stack: str, inputs: dict[str, Any]) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """The input and the output of every block, each `(rows, positions, width)`: `resid_pre` and `resid_post`."""
    ends: list[tuple[torch.Tensor, torch.Tensor]]
    with torch.no_grad(), traced.root.trace(**inputs) as tracer:
        ends = nnsight.save([])
        for place in traced.layers(stack):
            for _ in tracer.iter[place.site.call]:
                before = place.before().flatten(2).clone()
                ends.append((before, place.after().flatten(2).clone()))
        tracer.stop()
    return ends


def read_activations(
    traced: TracedModel, inputs: dict[str, Any], activations: Sequence[Activation]
) -> list[torch.Tensor]:
    """Activations of a batch, each `(rows, positions, width)` or `(rows, positions, heads, head_dim)`, in one forward.

    The forward stops after the last point that is needed.
    """
    envoys, rows = envoys_of(traced), rows_of(inputs)
    points = in_order(point for activation in activations for point in activation.points)
    found: dict[TensorLocation, torch.Tensor]
    with torch.no_grad(), traced.root.trace(**inputs) as tracer:
        found = nnsight.save({})
        for point in points:
            for _ in tracer.iter[point.call]:
                found[point] = state_at(point, envoys, rows).clone()
        tracer.stop()
    return [activation.of([found[point] for point in activation.points]) for activation in activations]


def run_patched(traced: TracedModel, inputs: dict[str, Any], patches: Sequence[Patch]) -> Any:
    """The model's output for a batch in which values are written over activations, each row with its own."""
    envoys, rows = envoys_of(traced), rows_of(inputs)
    points = in_order(point for patch in patches for point in patch.activation.points)
    with torch.no_grad(), traced.root.trace(**inputs) as tracer:
        for point in points:
            for _ in tracer.iter[point.call]:
                state = state_at(point, envoys, rows)
                for patch in patches:
                    if point in patch.activation.points:
                        patch.write(point, state)
        output: Any = nnsight.save(traced.root.output)
    return output


def envoys_of(traced: TracedModel) -> dict[int, Any]:
    """What nnsight knows modules by, by the modules' ids."""
    return {id(envoy._module): envoy for envoy in traced.root.modules()}


def in_order(points: Iterable[TensorLocation]) -> list[TensorLocation]:
    """Points in the order in which a forward reaches them, each once."""
    return sorted(set(points), key=lambda point: point.order)


def state_at(point: TensorLocation, envoys: dict[int, Any], rows: int) -> torch.Tensor:
    """What is at a point, as a view `(rows, positions, width)`; only inside a trace."""
    envoy = envoys[id(point.module)]
    return point.of(envoy.inputs if point.taken else envoy.output, rows)


def rows_of(inputs: dict[str, Any]) -> int:
    """How many rows a batch has."""
    return len(next(value for value in inputs.values() if isinstance(value, torch.Tensor)))
