"""The user's settings (`config.toml`) and the program's memory between starts (`memory.json`)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

import msgspec

from selfie_tui.ascii_json import decode_json, encode_ascii
from selfie_tui.interpret_settings import InterpretSettings
from selfie_tui.paths import make_private, replacing

RECENT = 8
"""How many recently used models are remembered."""


CellSize = Literal["fit", "heat", "word", "phrase"]
"""How large the cells of a map are: `fit` has all of the map in sight, where it must be as blocks of cells."""


class Config(msgspec.Struct, frozen=True):
    """The user's settings. `keymap` gives an action's id its keys, for example `run.start = "ctrl+g"`.

    `cell_colours` gives hot cells of maps a background: `auto` where the terminal is not at the end of an SSH
    connection, over which that is a tenth more to send.
    """

    theme: str | None = None
    mouse: bool = True
    ascii: bool | None = None
    cell_colours: Literal["auto", "on", "off"] = "auto"
    keymap: dict[str, str] = msgspec.field(default_factory=dict)
    tuned_lenses: dict[str, str] = msgspec.field(default_factory=dict)


class Memory(msgspec.Struct, frozen=True):
    """What is kept from one start to the next.

    `settings` are those of the next run, its interpretation prompt among them, and `stack` the one that is read.
    `device` and `dtype` are what the user chose for models, `cell_sizes` for maps, by view. `session` is the name of
    the last session file that has a run.
    """

    theme: str | None = None
    draft: str | None = None
    recent: tuple[str, ...] = ()
    settings: InterpretSettings | None = None
    stack: str = ""
    device: str = ""
    dtype: str = ""
    cell_sizes: dict[str, CellSize] = msgspec.field(default_factory=dict)
    session: str = ""

    def with_model(self, name: str) -> Memory:
        """The same memory with `name` as the model used last."""
        recent = (name, *(other for other in self.recent if other != name))[:RECENT]
        return msgspec.structs.replace(self, recent=recent)


def colours_cells(setting: str, environment: Mapping[str, str]) -> bool:
    """Whether hot cells of maps have a background, by the setting and by where the terminal is."""
    return setting == "on" or (setting == "auto" and not environment.get("SSH_CONNECTION"))


def read_config(path: Path) -> tuple[Config, list[str]]:
    """The settings in a TOML file, and a line for each entry that cannot be used; the others are."""
    content, problem = _content(path)
    if not content:
        return Config(), [problem] if problem else []
    try:
        table = msgspec.toml.decode(content)
    except (msgspec.MsgspecError, ValueError) as error:
        return Config(), [f"{path}: {error}"]
    fields = {field.name: field for field in msgspec.structs.fields(Config)}
    used: dict[str, Any] = {}
    problems: list[str] = []
    for name, value in table.items():
        if name not in fields:
            problems.append(f"{path}: unknown setting “{name}”{nearest(name, fields)}")
            continue
        if name == "keymap" and isinstance(value, dict):
            value, wrong = _flat_keymap(value)
            problems += [f"{path}: keymap: the keys of “{id}” are not text" for id in wrong]
        try:
            used[name] = msgspec.convert(value, fields[name].type)
        except msgspec.ValidationError as error:
            problems.append(f"{path}: {name}: {error}")
    return Config(**used), problems


def nearest(name: str, known: Iterable[str]) -> str:
    """`; did you mean “x”?` where a known name is like this one."""
    near = get_close_matches(name, list(known), 1)
    return f"; did you mean “{near[0]}”?" if near else ""


def _flat_keymap(table: dict[str, Any], scope: str = "") -> tuple[dict[str, str], list[str]]:
    """Keys by id, whether `run.start` was written in quotes or, as TOML has it, names a table; and ids without text."""
    keys: dict[str, str] = {}
    wrong: list[str] = []
    for name, value in table.items():
        if isinstance(value, dict):
            inner, inner_wrong = _flat_keymap(value, f"{scope}{name}.")
            keys |= inner
            wrong += inner_wrong
        elif isinstance(value, str):
            keys[scope + name] = value
        else:
            wrong.append(scope + name)
    return keys, wrong


def read_memory(path: Path) -> tuple[Memory, str]:
    """The memory, and the problem of reading it ("" for none); an entry that cannot be used costs that entry alone."""
    content, problem = _content(path)
    if not content:
        return Memory(), problem
    try:
        return decode_json(content, Memory), ""
    except (msgspec.MsgspecError, ValueError) as error:
        return _usable(content), f"{path}: {error}"


def _usable(content: bytes) -> Memory:
    """As much of a memory as can be read."""
    used: dict[str, Any] = {}
    with contextlib.suppress(msgspec.DecodeError):
        table = decode_json(content, dict)
        for field in msgspec.structs.fields(Memory):
            with contextlib.suppress(msgspec.ValidationError):
                used |= {field.name: msgspec.convert(table[field.name], field.type)} if field.name in table else {}
    return Memory(**used)


def write_memory(path: Path, memory: Memory) -> None:
    """Write the memory, by a rename, so that a killed process leaves the old file or the new one."""
    make_private(path.parent)
    with replacing(path, 0o600) as fresh:
        fresh.write_bytes(encode_ascii(memory))


def _content(path: Path) -> tuple[bytes, str]:
    """A file's bytes, none where there is no file, and why it cannot be read ("" where it can)."""
    try:
        return path.read_bytes(), ""
    except FileNotFoundError:
        return b"", ""
    except OSError as error:
        return b"", f"{path}: {error.strerror}"
