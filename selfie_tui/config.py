"""The user's settings (`config.toml`) and the program's memory between starts (`memory.json`)."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TypeVar

import msgspec

from selfie_tui.ascii_json import decode_json, encode_ascii
from selfie_tui.paths import make_private

RECENT = 8
"""How many recently used models are remembered."""


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The user's settings. `keymap` gives an action's id its keys, for example `run.start = "ctrl+g"`."""

    theme: str | None = None
    mouse: bool = True
    ascii: bool | None = None
    keymap: dict[str, str] = msgspec.field(default_factory=dict)


class Memory(msgspec.Struct, frozen=True):
    """What is kept from one start to the next."""

    theme: str | None = None
    draft: str | None = None
    recent: tuple[str, ...] = ()

    def with_model(self, name: str) -> Memory:
        """The same memory with `name` as the model used last."""
        recent = (name, *(other for other in self.recent if other != name))[:RECENT]
        return msgspec.structs.replace(self, recent=recent)


Kind = TypeVar("Kind", Config, Memory)


def read_config(path: Path) -> tuple[Config, str]:
    """The settings in a TOML file, and the problem of reading them ("" for none)."""
    return _read(path, Config, Config())


def read_memory(path: Path) -> tuple[Memory, str]:
    """The memory, and the problem of reading it ("" for none)."""
    return _read(path, Memory, Memory())


def write_memory(path: Path, memory: Memory) -> None:
    """Write the memory, by a rename, so that a killed process leaves the old file or the new one."""
    make_private(path.parent)
    fresh = path.with_suffix(f".{os.getpid()}.tmp")
    try:
        fresh.touch(mode=0o600)
        fresh.write_bytes(encode_ascii(memory))
        fresh.replace(path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            fresh.unlink()


def _read(path: Path, kind: type[Kind], missing: Kind) -> tuple[Kind, str]:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return missing, ""
    except OSError as error:
        return missing, f"{path}: {error.strerror}"
    try:
        if path.suffix == ".toml":
            return msgspec.toml.decode(content, type=kind), ""
        return decode_json(content, kind), ""
    except (msgspec.MsgspecError, ValueError) as error:
        return missing, f"{path}: {error}"
