"""What can be offered without asking anybody: models that are bundled, used before or in the hub's cache; GPUs."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal, NamedTuple

Where = Literal["bundled", "recent", "cached", "given"]

BUNDLED = "demo"
_PREFIX = "models--"


class Offer(NamedTuple):
    """A model that can be chosen, by the name it is loaded with, and how it is known."""

    name: str
    where: Where


def cached_models(hub_cache: Path) -> list[str]:
    """Hub ids of models whose weights or at least configuration are in the cache, by name; [] when there is none."""
    try:
        folders = sorted(path.name for path in hub_cache.iterdir() if path.name.startswith(_PREFIX))
    except OSError:
        return []
    return [_hub_id(folder) for folder in folders if any(hub_cache.glob(f"{folder}/snapshots/*/config.json"))]


def offers(current: str, recent: Iterable[str], cached: Iterable[str]) -> tuple[Offer, ...]:
    """What the list of models shows, each model once: bundled, given on the command line, recent, cached."""
    known: dict[str, Where] = {BUNDLED: "bundled"}
    on_disk = list(cached)
    for name in recent:
        known.setdefault(name, "cached" if name in on_disk else "recent")
    if current:
        known.setdefault(current, "cached" if current in on_disk else "given")
    for name in on_disk:
        known.setdefault(name, "cached")
    return tuple(Offer(name, where) for name, where in known.items())


def gpus(devices: Path = Path("/dev"), visible: str | None = None) -> int:
    """How many NVIDIA GPUs this process may use, by their device files and `visible`, CUDA's own list of them.

    It is a guess for what to offer, as torch, which knows, is not imported before a model is loaded.
    """
    found = len(list(devices.glob("nvidia[0-9]*")))
    return found if visible is None else min(found, len([name for name in visible.split(",") if name.strip()]))


def _hub_id(folder: str) -> str:
    return "/".join(folder.removeprefix(_PREFIX).split("--"))
