"""Interpretation prompts of one's own: `NAME.toml` files in the configuration folder.

A file has `text`, and may have `placeholder` (`_` by default) and `source`; its name is the preset's. One that cannot
be used is named, and the others stay.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import NamedTuple

import msgspec

from selfie_tui.errors import RequestError
from selfie_tui.paths import replacing
from selfie_tui.records import Preset

NAME = re.compile(r"[^\W_][\w.-]{0,63}")
"""A name that can be a file's on every system, and an option's value without quotes."""


class OwnPresets(NamedTuple):
    """The presets of a folder by name, and what keeps others from being used ("" for nothing)."""

    presets: tuple[Preset, ...] = ()
    problem: str = ""


class _File(msgspec.Struct, forbid_unknown_fields=True):
    text: str
    placeholder: str = "_"
    source: str = ""


def read_presets(folder: Path, reserved: tuple[str, ...] = ()) -> OwnPresets:
    """The presets of a folder, which need not exist; `reserved` are names that are not the user's to give."""
    presets: list[Preset] = []
    problems: list[str] = []
    for path in sorted(folder.glob("*.toml")):
        try:
            presets.append(read_preset(path, reserved))
        except (OSError, ValueError, RequestError) as error:  # msgspec's errors are ValueErrors
            problems.append(f"{path.name}: {getattr(error, 'strerror', None) or error}")
    problem = f"Presets that cannot be used in {folder}: {'; '.join(problems)}" if problems else ""
    return OwnPresets(tuple(presets), problem)


def read_preset(path: Path, reserved: tuple[str, ...] = ()) -> Preset:
    """The preset of a file.

    Raises:
        OSError: it cannot be read.
        ValueError: it is not TOML, or has other fields than a preset.
        RequestError: for a name that cannot be used, or a text without placeholder.
    """
    file = msgspec.toml.decode(path.read_bytes(), type=_File)
    preset = Preset(path.stem, file.text, file.placeholder, file.source)
    check_preset(preset, reserved)
    return preset


def save_preset(folder: Path, preset: Preset, reserved: tuple[str, ...] = ()) -> Path:
    """Write a preset to a file of its name, in place of an earlier one; returns the file.

    Raises:
        RequestError: for a name that cannot be used, a text without placeholder, or a disk that refuses.
    """
    check_preset(preset, reserved)
    path = folder / f"{preset.name}.toml"
    fields = (("text", preset.text), ("placeholder", preset.placeholder), ("source", preset.source))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with replacing(path) as fresh:
            fresh.write_text("".join(f"{name} = {toml_string(value)}\n" for name, value in fields if value), "ascii")
    except OSError as error:
        raise RequestError(f"The preset cannot be saved: {path}: {error.strerror}.", "Check the folder.") from error
    return path


def delete_preset(folder: Path, name: str) -> None:
    """Delete the file of a preset; one that is gone already is no error.

    Raises:
        RequestError: for a disk that refuses.
    """
    path = folder / f"{name}.toml"
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise RequestError(f"{path} cannot be deleted: {error.strerror}.", "Check the folder.") from error


def check_preset(preset: Preset, reserved: tuple[str, ...] = ()) -> None:
    """Refuse a preset whose name or text cannot be used.

    Raises:
        RequestError: saying which, and what to write.
    """
    if not NAME.fullmatch(preset.name):
        raise RequestError(
            f"“{preset.name}” cannot be a preset's name.", "Use letters, digits, - and . with a letter or digit first."
        )
    if preset.name in reserved:
        raise RequestError(f"There is a built-in preset “{preset.name}”.", "Choose another name.")
    if not preset.placeholder or preset.placeholder not in preset.text:
        raise RequestError("The text has no placeholder.", f"Write {preset.placeholder or '_'} where a state goes.")


def toml_string(text: str) -> str:
    """A text as a TOML string of printable ASCII; half a surrogate pair, which TOML lacks, becomes a question mark."""
    escaped = json.dumps(text.encode("utf-8", "replace").decode(), ensure_ascii=False)
    return re.sub(r"[^ -~]", lambda found: f"\\U{ord(found[0]):08x}", escaped)
