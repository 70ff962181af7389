"""How the line of an edit is completed: by the forms that an edit has, and the names of vectors that were kept."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from selfie_tui.edits import FORMS, VECTOR
from selfie_tui.tui.keepable import ENDING


def kept_names(folder: Path) -> tuple[str, ...]:
    """The names of the vectors in a folder, in their order."""
    return tuple(sorted(file.stem for file in folder.glob(f"*{ENDING}"))) if folder.is_dir() else ()


def completions(typed: str, names: Iterable[str]) -> tuple[str, ...]:
    """The lines that begin as what is typed: with names of vectors after `vec:`, else the forms of an edit.

    In place of `NAME` the forms have the first of the names; without any they leave out those of vectors.
    """
    before, mark, name = typed.rpartition(VECTOR)
    known = tuple(names)
    if mark:
        return tuple(f"{before}{mark}{one}" for one in known if one.startswith(name))
    forms = [form.replace("NAME", known[0]) if known else form for form in FORMS if known or "NAME" not in form]
    return tuple(form for form in forms if form.startswith(typed))


def file_of(name: str, folder: Path) -> Path:
    """The file of a vector: that of the name in the folder, or the one that is at the path."""
    kept = folder / f"{name}{ENDING}"
    return kept if kept.is_file() else Path(name).expanduser()
