"""Which models can be offered without asking anybody: the bundled one, those used before, those in the hub's cache."""

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


def _hub_id(folder: str) -> str:
    return "/".join(folder.removeprefix(_PREFIX).split("--"))
