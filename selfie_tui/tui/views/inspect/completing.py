"""How the line of an edit is completed: by the forms that an edit has, and the names of what was kept."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from selfie_tui.edits import FORMS, VECTOR, WEIGHTS, WEIGHTS_FORM
from selfie_tui.tui.keepable import ENDING


def kept_names(folder: Path) -> tuple[str, ...]:
    """The names of the vectors, or of the weights, in a folder, in their order."""
    return tuple(sorted(file.stem for file in folder.glob(f"*{ENDING}"))) if folder.is_dir() else ()


def completions(typed: str, names: Iterable[str], weights: Iterable[str] = ()) -> tuple[str, ...]:
    """The lines that begin as what is typed: with names of vectors after `vec:`, else the forms of an edit.

    After `weights:` come names of weights. In place of `NAME` the forms have the first of the names; without any they
    leave out those of vectors, and of weights.
    """
    known = {VECTOR: tuple(names), WEIGHTS: tuple(weights)}
    for kind, kept in known.items():
        before, mark, name = typed.rpartition(kind)
        if mark:
            return tuple(f"{before}{mark}{one}" for one in kept if one.startswith(name))
    forms = (*with_first(FORMS, known[VECTOR]), *with_first((WEIGHTS_FORM,), known[WEIGHTS]))
    return tuple(form for form in forms if form.startswith(typed))


def with_first(forms: Iterable[str], names: Sequence[str]) -> list[str]:
    """Forms with the first of the names in place of `NAME`; without any, those that need none."""
    return [form.replace("NAME", names[0]) if names else form for form in forms if names or "NAME" not in form]


def file_of(name: str, folder: Path) -> Path:
    """The file of a vector or of weights: that of the name in the folder, or the one that is at the path."""
    kept = folder / f"{name}{ENDING}"
    return kept if kept.is_file() else Path(name).expanduser()
