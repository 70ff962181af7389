"""Where a model's files are: in the package, in a folder, in a GGUF file, or fetched from the hub."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from selfie_tui.engine.loading.checkpoint import Checkpoint, checkpoint_in
from selfie_tui.engine.loading.gguf import SUFFIX
from selfie_tui.engine.loading.hub import fetch_snapshot
from selfie_tui.errors import LoadError, summary
from selfie_tui.paths import model_path

ProgressReport = Callable[[str, float | None], None]
"""Called with the current step and, where it is known, the fraction of it that is done; may raise `Cancelled`."""


def no_report(step: str, fraction: float | None) -> None:
    """The report of a load that nobody watches."""


def locate(
    name: str, report: ProgressReport, fetch: Callable[[str, ProgressReport], Path] = fetch_snapshot
) -> Checkpoint:
    """The files of a model, fetched from the hub by `fetch` where they are not on this machine."""
    if name == "demo":
        return Checkpoint(model_path())
    if not name.strip():
        raise LoadError(
            "No model is named.", "Give demo, a folder, a GGUF file, or a hub id such as openai-community/gpt2."
        )
    try:
        path = Path(name).expanduser()
        if path.is_dir():
            return checkpoint_in(path)
        exists = path.exists()
    except (OSError, RuntimeError) as error:
        why = getattr(error, "strerror", None) or summary(error)
        raise LoadError(f"{name} cannot be opened ({why}).", "Check the path and who may read it.") from error
    is_gguf = path.suffix.lower() == SUFFIX
    if exists and is_gguf:
        return Checkpoint(path.parent, path.name)
    if exists:
        raise LoadError(
            f"{name} is a file, not a folder and not a GGUF file.",
            "Give the folder that holds config.json and the weights.",
        )
    if is_gguf or name.startswith((".", "/", "~")) or name.count("/") > 1:
        raise LoadError(
            f"{'File' if is_gguf else 'Folder'} not found: {name}.", "Check the path; a hub id looks like owner/name."
        )
    folder = fetch(name, report)
    return Checkpoint(folder, commit=folder.name)
