"""The program's files and folders, in the XDG directories."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import platformdirs

NAME = "selfie-tui"


def model_path() -> Path:
    """The folder of the bundled model, in the standard Hugging Face layout."""
    return Path(__file__).parent / "demo" / "model"


def config_dir() -> Path:
    """The folder of what the user writes: `config.toml`, `themes/` and `presets/`."""
    return platformdirs.user_config_path(NAME)


def state_dir() -> Path:
    """The folder of what the program keeps: the draft, recent models, sessions, the log."""
    return platformdirs.user_state_path(NAME)


def cache_dir() -> Path:
    """The folder of what can be made again at any time: indexes of sessions."""
    return platformdirs.user_cache_path(NAME)


def config_file() -> Path:
    """The user's settings and key bindings."""
    return config_dir() / "config.toml"


def user_themes_dir() -> Path:
    """The user's own theme files."""
    return config_dir() / "themes"


def user_presets_dir() -> Path:
    """The user's own interpretation prompts, one file each."""
    return config_dir() / "presets"


def sessions_dir() -> Path:
    """One JSON-lines file for each session."""
    return state_dir() / "sessions"


def vectors_dir() -> Path:
    """Vectors that were kept, one safetensors file each."""
    return state_dir() / "vectors"


def weights_dir() -> Path:
    """Weights of a controlled layer that were kept, one safetensors file each."""
    return state_dir() / "weights"


def calibrations_dir() -> Path:
    """One folder for each model that was calibrated, by its revision, with a file for each interpretation prompt."""
    return state_dir() / "calibrations"


def history_dir() -> Path:
    """One index for each session file, made from it; holds texts as the sessions do."""
    return cache_dir() / "history"


def vector_path(name: str) -> Path:
    """The file of a vector that is kept by name, or the file itself where a path with an ending is given."""
    path = Path(name).expanduser()
    return path if path.suffix == ".safetensors" else vectors_dir() / f"{name}.safetensors"


def weights_path(name: str) -> Path:
    """The file of weights that are kept by name, or the file itself where a path with an ending is given."""
    path = Path(name).expanduser()
    return path if path.suffix == ".safetensors" else weights_dir() / f"{name}.safetensors"


def log_file() -> Path:
    """The log of the program and of its libraries."""
    return state_dir() / "selfie-tui.log"


def hub_cache_dir(environment: dict[str, str] | None = None) -> Path:
    """The Hugging Face cache of models, found as `huggingface_hub` finds it, without importing it."""
    variables = os.environ if environment is None else environment
    if hub := variables.get("HF_HUB_CACHE") or variables.get("HUGGINGFACE_HUB_CACHE"):
        return Path(hub).expanduser()
    if home := variables.get("HF_HOME"):
        return Path(home).expanduser() / "hub"
    cache = variables.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(cache).expanduser() / "huggingface" / "hub"


def make_private(folder: Path) -> None:
    """Make a folder that only the user can read, or restrict an existing one."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.chmod(0o700)


@contextlib.contextmanager
def replacing(path: Path, mode: int | None = None) -> Iterator[Path]:
    """A new file beside `path` that takes its place once it is written, so that there is a whole one or the old one.

    `mode` are its rights, those that the user chose for new files by default. Raises OSError.
    """
    fresh = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        if mode is not None:
            os.close(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode))
        yield fresh
        fresh.replace(path)
    finally:
        with contextlib.suppress(OSError):  # it has its place, or was never made
            fresh.unlink()


def under_home(path: str) -> str:
    """A path with `~` for the user's own folder."""
    home = os.path.expanduser("~").rstrip("/")
    return f"~{path[len(home) :]}" if home and path.startswith(f"{home}/") else path
