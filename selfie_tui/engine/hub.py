"""Fetches a model from the Hugging Face hub, with progress, into the hub's own cache."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
from huggingface_hub import HfApi, constants, snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
)
from tqdm.auto import tqdm

from selfie_tui.errors import LoadError

SIDE_FILES = ["*.json", "*.model", "*.txt", "*.jinja", "*.tiktoken"]
GIB = 2**30


def fetch_snapshot(name: str, report: Callable[[str, float | None], None]) -> Path:
    """The local folder of a hub model, complete: from the cache where it is there, else downloaded.

    Raises:
        LoadError: for an id that is none, a repository that is unknown or gated, no network, or too little disk.
    """
    report(f"looking for {name}", None)
    try:
        cached = Path(snapshot_download(name, local_files_only=True))
        if (cached / "config.json").is_file() and complete(cached):
            return cached
    except HFValidationError as error:
        raise LoadError(f"“{name}” is no folder and no hub id.", "A hub id looks like owner/name.") from error
    except LocalEntryNotFoundError:
        report(f"asking the hub for {name}", None)
    try:
        return download(name, report)
    except GatedRepoError as error:
        raise LoadError(
            f"{name} is gated: its owners want you to accept their terms first.",
            f"Accept them at https://huggingface.co/{name} and log in with `hf auth login`.",
        ) from error
    except RepositoryNotFoundError as error:
        raise LoadError(
            f"There is no model {name} on the hub, or it is private.",
            "Check the spelling; for a private one log in with `hf auth login`.",
        ) from error
    except (OfflineModeIsEnabled, LocalEntryNotFoundError, httpx.TransportError, OSError) as error:
        if isinstance(error, HfHubHTTPError):
            raise LoadError(f"The hub answered with an error for {name}: {error}.", "Try again in a moment.") from error
        raise LoadError(
            f"{name} is not on this machine, and the hub cannot be reached.",
            "Check the network (and HF_HUB_OFFLINE), or give the folder of a model that is here.",
        ) from error


def complete(folder: Path) -> bool:
    """Whether a cached snapshot holds weights: every shard of its index, or a single file."""
    index = folder / "model.safetensors.index.json"
    if not index.is_file():
        return any(folder.glob("*.safetensors")) or any(folder.glob("pytorch_model*.bin"))
    import json

    shards = set(json.loads(index.read_text())["weight_map"].values())
    return all((folder / shard).is_file() for shard in shards)


def download(name: str, report: Callable[[str, float | None], None]) -> Path:
    """Download weights and side files of a model, after making sure that the disk has room for them."""
    files = HfApi().model_info(name, files_metadata=True).siblings or []
    root_files = {file.rfilename: file.size or 0 for file in files if "/" not in file.rfilename}
    weights = [file for file in root_files if file.endswith(".safetensors")]
    patterns = ["*.safetensors"] if weights else ["pytorch_model*.bin"]
    if not weights and not any(file.startswith("pytorch_model") for file in root_files):
        raise LoadError(f"{name} has no weights that transformers can load.", "Choose a repository with safetensors.")
    needed = sum(size for file, size in root_files.items() if file.endswith((".safetensors", ".bin")))
    cache = Path(constants.HF_HUB_CACHE)
    cache.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(cache).free
    if needed > free:
        raise LoadError(
            f"{name} needs {needed / GIB:.1f} GiB of disk and {cache} has {free / GIB:.1f} GiB free.",
            "Make room, or set HF_HOME to a larger disk.",
        )
    return Path(
        snapshot_download(
            name,
            allow_patterns=[*patterns, *SIDE_FILES],
            ignore_patterns=["*/*"],
            tqdm_class=progress_class(name, report),
        )
    )


def progress_class(name: str, report: Callable[[str, float | None], None]) -> Any:
    """A progress bar that draws nothing and reports the share of bytes that are here."""

    class Reporting(tqdm):  # type: ignore[misc]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            kwargs.pop("name", None)
            kwargs["disable"] = False
            super().__init__(*args, **{**kwargs, "file": Silent()})

        def update(self, n: float | None = 1) -> bool | None:
            changed: bool | None = super().update(n)
            if self.unit == "B" and self.total:
                report(f"downloading {name}", min(1.0, self.n / self.total))
            return changed

    return Reporting


class Silent:
    """A file that swallows what a progress bar draws."""

    def write(self, text: str) -> int:
        return len(text)

    def flush(self) -> None:
        """Nothing is held back."""
