"""Every nnsight trace of the project, each tiny: read residual states, and run a prompt with vectors written into it.

The body of a `with model.trace(...)` block is captured as source and interleaved with the real forward; modules must be
touched in forward order, and only values passed to `nnsight.save` come back. Looping over `tracer.iter[n]` selects the
n-th call of a module, which matters where several layers share one.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import nnsight
import torch
from nnsight import CONFIG, NNsight
from nnsight.intervention.source import STATE

from selfie_tui.engine.anatomy.locations import Activation, Patch, TensorLocation
from selfie_tui.engine.anatomy.places import Anatomy
from selfie_tui.engine.anatomy.stacks import Block
from selfie_tui.engine.injection import Injection, inject
from selfie_tui.engine.tensor_block import TensorBlock
from selfie_tui.records import EMBED

CONFIG.APP.REMOTE_LOGGING = False


@dataclass(frozen=True)
class BlockEnvoy:
    """A layer with the nnsight envoys of the modules at its entry and exit; its tensors exist inside a trace only."""

    block: Block
    entry: Any
    exit: Any

    def resid_pre(self) -> torch.Tensor:
        """The stream at the block's input, as a view `(rows, positions, ...)`."""
        return self.block.input.of(self.entry.inputs)

    def resid_post(self) -> torch.Tensor:
        """The stream at the block's output, as a view `(rows, positions, ...)`."""
        return self.block.output.of(self.exit.output)

    def stream(self, layer: int) -> torch.Tensor:
        """`resid_pre` for the layer `EMBED`, else `resid_post`, `(rows, positions, ...)`; only inside a trace."""
        return self.resid_pre() if layer == EMBED else self.resid_post()


@dataclass(frozen=True)
class TracedModel:
    """An nnsight model around a torch module, its envoys by module path, and the layers of its stacks."""

    root: Any
    envoys: Mapping[str, Any]
    stacks: Mapping[str, tuple[BlockEnvoy, ...]]

    def layers(self, stack: str) -> tuple[BlockEnvoy, ...]:
        """The layers of a stack; of the first one for an empty name."""
        return self.stacks[stack] if stack else next(iter(self.stacks.values()))


def trace_model(module: Any, anatomy: Anatomy) -> TracedModel:
    """An nnsight model around a torch module whose stacks are known."""
    with warnings.catch_warnings():
        # a submodule called `output` (BERT) is warned of, and is not reached by that name here
        warnings.simplefilter("ignore", UserWarning)
        root = NNsight(module)
    by_module = {id(envoy._module): envoy for envoy in root.modules()}
    envoys = {path: by_module[id(part)] for path, part in module.named_modules() if id(part) in by_module}
    stacks = {
        stack.name: tuple(BlockEnvoy(block, envoys[block.entry_path], envoys[block.path]) for block in stack.blocks)
        for stack in anatomy.stacks
    }
    return TracedModel(root, envoys, stacks)


def read_residuals(
    traced: TracedModel, stack: str, inputs: dict[str, Any], layers: Sequence[int], cells: tuple[list[int], list[int]]
) -> dict[int, torch.Tensor]:
    """Residual states by layer, each `(cells, width)`, of a batch, in one forward; `cells` are rows and positions.

    The forward stops after the last block that is needed: norm and head never run.
    """
    order = sorted(set(layers))
    blocks = traced.layers(stack)
    block = TensorBlock(len(order))
    found: dict[int, torch.Tensor]
    with torch.no_grad(), traced.root.trace(**inputs) as tracer:
        found = nnsight.save({})
        for layer in order:
            envoy = blocks[max(layer, 0)]
            for _ in tracer.iter[envoy.block.call]:
                found[layer] = block.keep(envoy.stream(layer)[cells].flatten(1))
        tracer.stop()
    return found


def run_injected(
    traced: TracedModel, inputs: dict[str, Any], injection: Injection, path: str = "", skipped: Sequence[Any] = ()
) -> Any:
    """The output for a batch with the injection's vectors `(rows, ...)` written into its first rows.

    The module at `path` is run, the model itself for an empty one. `skipped` holds the outputs of the first blocks, as
    these return them: the blocks do not run.
    """
    envoys = traced.layers("")[: len(skipped)]
    root = traced.envoys[path]
    with torch.no_grad(), root.trace(**inputs) as tracer:
        for index, envoy in enumerate(envoys):
            for _ in tracer.iter[envoy.block.call]:
                envoy.exit.skip(skipped[index])
        for stack, positions in injection.parts:
            envoy = traced.layers(stack)[max(injection.layer, 0)]
            for _ in tracer.iter[envoy.block.call]:
                write(envoy.stream(injection.layer), positions, injection)
        output: Any = nnsight.save(root.output)
    return output


def read_outputs(traced: TracedModel, inputs: dict[str, Any], count: int) -> list[Any]:
    """What the first `count` blocks return in a forward, which stops after them."""
    outputs: list[Any]
    with torch.no_grad(), traced.root.trace(**inputs) as tracer:
        outputs = nnsight.save([])
        for envoy in traced.layers("")[:count]:
            for _ in tracer.iter[envoy.block.call]:
                outputs.append(envoy.exit.output)
        tracer.stop()
    return outputs


def write(state: torch.Tensor, positions: Sequence[int], injection: Injection) -> None:
    """Write an injection into a stream, `(rows, positions, ...)`, in place."""
    rows, columns = injection.vectors.shape[0], list(positions)
    there = state[:rows, columns]  # (rows, positions, ...)
    new = inject(there.flatten(2), injection.vectors, injection.mode, injection.strength)
    state[:rows, columns] = new.reshape(there.shape)


def read_block_ends(traced: TracedModel, stack: str, inputs: dict[str, Any]) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """The input and the output of every block, each `(rows, positions, width)`: `resid_pre` and `resid_post`."""
    ends: list[tuple[torch.Tensor, torch.Tensor]]
    with torch.no_grad(), traced.root.trace(**inputs) as tracer:
        ends = nnsight.save([])
        for envoy in traced.layers(stack):
            for _ in tracer.iter[envoy.block.call]:
                resid_pre = envoy.resid_pre().flatten(2).clone()
                ends.append((resid_pre, envoy.resid_post().flatten(2).clone()))
        tracer.stop()
    return ends


def read_activations(
    traced: TracedModel, inputs: dict[str, Any], activations: Sequence[Activation]
) -> list[torch.Tensor]:
    """Activations of a batch, each `(rows, positions, width)` or `(rows, positions, heads, head_dim)`, in one forward.

    The forward stops after the last location that is needed.
    """
    envoys, rows = traced.envoys, rows_of(inputs)
    locations = in_order(location for activation in activations for location in activation.locations)
    found: dict[TensorLocation, torch.Tensor]
    with torch.no_grad(), traced.root.trace(**inputs) as tracer:
        found = nnsight.save({})
        for location in locations:
            for _ in tracer.iter[location.call]:
                found[location] = state_at(location, envoys, rows).clone()
        tracer.stop()
    return [activation.of([found[location] for location in activation.locations]) for activation in activations]


def run_patched(traced: TracedModel, inputs: dict[str, Any], patches: Sequence[Patch]) -> Any:
    """The model's output for a batch in which values are written over activations, each row with its own."""
    envoys, rows = traced.envoys, rows_of(inputs)
    locations = in_order(location for patch in patches for location in patch.activation.locations)
    with torch.no_grad(), traced.root.trace(**inputs) as tracer:
        for location in locations:
            for _ in tracer.iter[location.call]:
                state = state_at(location, envoys, rows)
                for patch in patches:
                    if location in patch.activation.locations:
                        patch.write(location, state)
        output: Any = nnsight.save(traced.root.output)
    return output


@contextmanager
def changing_body(module: Any, change: Callable[[Any], Any]) -> Iterator[None]:
    """While open, `change` is made to every result of a module of a traced model, before a trace or a hook reads it.

    A forward hook would come after a trace. The hook put here does nothing: it tells those who would compute a module's
    result by its weights alone that there is more to it.
    """
    state = module.__dict__[STATE]
    body = state.body
    marker = module.register_forward_hook(lambda part, args, output: None)
    state.body = lambda part, *args, **kwargs: change(body(part, *args, **kwargs))
    try:
        yield
    finally:
        state.body = body
        marker.remove()


@contextmanager
def replacing_bodies(modules: Iterable[Any], body: Callable[..., Any]) -> Iterator[None]:
    """While open, modules of a traced model compute their result by `body(module, *args)` in place of their own.

    Traces, hooks and edits see the modules' inputs and outputs as ever.
    """
    states = [module.__dict__[STATE] for module in modules]
    bodies = [state.body for state in states]
    for state in states:
        state.body = body
    try:
        yield
    finally:
        for state, own in zip(states, bodies, strict=True):
            state.body = own


def in_order(locations: Iterable[TensorLocation]) -> list[TensorLocation]:
    """Locations in the order in which a forward reaches them, each once."""
    return sorted(set(locations), key=lambda location: location.order)


def state_at(location: TensorLocation, envoys: Mapping[str, Any], rows: int) -> torch.Tensor:
    """The tensor at a location, as a view `(rows, positions, width)`; only inside a trace."""
    envoy = envoys[location.path]
    return location.of(envoy.inputs if location.is_input else envoy.output, rows)


def rows_of(inputs: dict[str, Any]) -> int:
    """The number of rows of a batch."""
    return len(next(value for value in inputs.values() if isinstance(value, torch.Tensor)))


def states_in_trace(
    root: Any, module: Any, locations: Sequence[TensorLocation]
) -> list[tuple[TensorLocation, torch.Tensor]]:
    """The tensors at locations as views `(rows, positions, width)`, inside a trace of the user's own nnsight model.

    `root` is that model, `module` the torch module inside of it. They are waited for in the order of the forward. A
    tensor with rows and positions on one axis has as many rows as the one before it.
    """
    envoys = {id(envoy._module): envoy for envoy in root.modules()}
    parts = {location: envoys[id(module.get_submodule(location.path))] for location in in_order(locations)}
    rows, found = 0, []
    for location, envoy in parts.items():
        value = envoy.inputs if location.is_input else envoy.output
        rows = rows if location.flat else len(location.stream.of(value))
        found.append((location, location.of(value, rows)))
    return found
