"""The blocks that a user names, for models in which they are not found: `layer_paths=["decoder.first", ...]`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import nn

from selfie_tui.engine.anatomy.calls import ForwardCalls
from selfie_tui.engine.anatomy.stacks import Chain, chain_of
from selfie_tui.errors import LoadError

LayerPaths = Mapping[str, Sequence[str]]
"""The paths of the blocks of each stack, by its name."""

NAME_THEM = 'in Python layer_paths=["layer_0", "layer_1"], on the command line --layer-paths "layer_{0-1}"'
HOW_TO_WRITE = "Write paths as `selfie-tui inspect --model` lists them."


def by_stack(
    module: nn.Module, given: LayerPaths | Sequence[str] | None, stacks: Sequence[str]
) -> dict[str, tuple[str, ...]]:
    """The paths of blocks by the stack's name; a list, or what "" names, is of the first of the `stacks`.

    Empty for None.

    Raises:
        LoadError: for a path at which there is no module, a path that comes twice, or a stack that there is not.
    """
    if given is None:
        return {}
    by_name = {
        name or stacks[0]: paths for name, paths in (given if isinstance(given, Mapping) else {"": given}).items()
    }
    if unknown := sorted(set(by_name) - set(stacks)):
        raise LoadError(
            f"Invalid layer_paths: this model has no {unknown[0]}.", f"Its stacks are called {' and '.join(stacks)}."
        )
    named = {name: (paths,) if isinstance(paths, str) else tuple(paths) for name, paths in by_name.items()}
    for name, paths in named.items():
        if not paths or len(set(paths)) < len(paths):
            raise LoadError(f"Invalid layer_paths: the {name} has no blocks, or one of them twice.", HOW_TO_WRITE)
        check_paths(module, paths)
    return named


def check_paths(module: nn.Module, paths: Sequence[str]) -> None:
    """Refuse a path at which there is no module.

    Raises:
        LoadError: naming it.
    """
    known = {path for path, _ in module.named_modules(remove_duplicate=False)}
    if unknown := [path for path in paths if path not in known or not path]:
        raise LoadError(f"Invalid layer_paths: there is no module “{unknown[0]}” in the model.", HOW_TO_WRITE)


def named_chain(name: str, paths: Sequence[str], seen: ForwardCalls, rows: int, positions: int) -> list[Chain]:
    """The chain of the blocks that a user names for a stack, as a list of one.

    Raises:
        LoadError: if one of them is not called in a forward, or has no state for every token.
    """
    chain = chain_of(paths, seen, rows, positions)
    if chain is not None:
        return [chain]
    silent = [path for path in paths if not seen.of(path)]
    why = f"{silent[0]} does not run in a forward" if silent else "not all take and return a state for every token"
    raise LoadError(f"The layer_paths are not the blocks of the {name}: {why}.", "Name the modules of its blocks.")
