"""The models and devices to offer before torch is imported: bundled, recent and cached models; GPUs."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal, NamedTuple

Where = Literal["bundled", "recent", "cached", "named"]

BUNDLED = "demo"
_PREFIX = "models--"


class Offer(NamedTuple):
    """A model to choose: the name that loads it, and where it comes from."""

    name: str
    where: Where


def cached_models(hub_cache: Path) -> list[str]:
    """Hub ids of models whose weights or at least configuration are in the cache, by name."""
    try:
        folders = sorted(path.name for path in hub_cache.iterdir() if path.name.startswith(_PREFIX))
    except OSError:
        return []
    return [_hub_id(folder) for folder in folders if any(hub_cache.glob(f"{folder}/snapshots/*/config.json"))]


def offers(current: str, recent: Iterable[str], cached: Iterable[str]) -> tuple[Offer, ...]:
    """The list of models, each once: bundled, recent, named on the command line, cached."""
    known: dict[str, Where] = {BUNDLED: "bundled"}
    on_disk = list(cached)
    for name in recent:
        known.setdefault(name, "cached" if name in on_disk else "recent")
    if current:
        known.setdefault(current, "cached" if current in on_disk else "named")
    for name in on_disk:
        known.setdefault(name, "cached")
    return tuple(Offer(name, where) for name, where in known.items())


def gpus(devices: Path = Path("/dev"), visible: str | None = None) -> int:
    """The number of NVIDIA GPUs that this process may use, by their device files and `visible`, CUDA's own list.

    An estimate: torch, which knows, is not imported before a model is loaded.
    """
    found = len(list(devices.glob("nvidia[0-9]*")))
    return found if visible is None else min(found, len([name for name in visible.split(",") if name.strip()]))


def _hub_id(folder: str) -> str:
    return "/".join(folder.removeprefix(_PREFIX).split("--"))
