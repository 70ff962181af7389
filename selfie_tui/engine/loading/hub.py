"""Fetches a model from the Hugging Face hub into the hub's own cache, with progress, and cancellable at any moment.

The network may be silent for minutes, and a download through xet cannot be stopped from its callbacks. So a daemon
thread talks to the hub, and the caller's thread watches it: it reports ten times a second, which is where a cancel is
heard, and leaves a thread that does not stop behind. A hub that brings nothing new for `SECONDS_OF_SILENCE` is given
up, whatever it does meanwhile: a client that resumes half a file would try for ever.
"""

from __future__ import annotations

import errno
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi, constants, hf_hub_download, try_to_load_from_cache
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    HTTPError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
)
from huggingface_hub.file_download import repo_folder_name
from huggingface_hub.utils import _xet, tqdm

from selfie_tui.engine.loading.checkpoint import ADAPTER_CONFIG, is_complete, weight_names
from selfie_tui.errors import Cancelled, LoadError
from selfie_tui.records import NO_ANSWER

SIDE_FILES = (".json", ".model", ".txt", ".jinja", ".tiktoken")
GIB = 2**30
SECONDS_BETWEEN_REPORTS = 0.1
SECONDS_TO_STOP = 0.5
"""How long a cancel waits for the download to clean up after itself; what takes longer does so in the background."""

SECONDS_OF_SILENCE = 30.0
"""How long a step may bring no byte that was not there before."""

SECONDS_BEFORE_SAYING_SO = 3.0
"""After so much silence the reports say what is waited for."""

RESTARTS = 5
"""How often a file may begin anew after it was broken off."""

constants.HF_HUB_DISABLE_TELEMETRY = True  # else the client's first request asks for a list of agents to report

CHUNK_BYTES = 2**20
"""Bytes read from the network between two reports, where a cancel can be raised; the hub's own 10 MiB take a minute on
a slow line."""

ProgressReport = Callable[[str, float | None], None]


def fetch_snapshot(name: str, report: ProgressReport) -> Path:
    """The local folder of a hub model, complete: from the cache where it is there, else downloaded.

    Raises:
        LoadError: for an invalid id, a repository that is unknown or gated, no network, or too little disk.
        Cancelled: from `report`, soon after it was raised there; what is half downloaded is not kept.
    """
    report(f"looking for {name}", None)
    try:
        folder = cached_folder(name)
        return folder if folder is not None else Download(name).watch(report)
    except (HFValidationError, HTTPError, OSError, ValueError, RuntimeError) as error:
        raise explanation(name, error) from error


def fetch_config(name: str, report: ProgressReport) -> Path:
    """A local folder with the configuration of a hub model, and maybe nothing else; of an adapter with all of it.

    Raises:
        LoadError: as `fetch_snapshot`.
        Cancelled: from `report`, before anything is fetched.
    """
    report(f"looking for {name}", None)
    try:
        folder = cached_folder(name)
        return folder if folder is not None else Path(hf_hub_download(name, "config.json")).parent
    except EntryNotFoundError:
        return fetch_snapshot(name, report)
    except (HFValidationError, HTTPError, OSError, ValueError, RuntimeError) as error:
        raise explanation(name, error) from error


def cached_folder(name: str) -> Path | None:
    """The folder of a model in the hub's cache if nothing that loading needs is missing there."""
    for file in ("config.json", ADAPTER_CONFIG):
        config = try_to_load_from_cache(name, file)
        if isinstance(config, str) and is_complete(Path(config).parent):
            return Path(config).parent
    return None


@dataclass
class Download:
    """The download of one model: `step`, `done` and `total` bytes are written by its thread and read by the watcher.

    `moved` counts bytes on the network where the client says so (xet), and `restarts` the files that began anew.
    """

    name: str
    step: str = ""
    done: float = 0
    total: float = 0
    moved: float = 0
    restarts: int = 0
    stopped: bool = False
    folder: Path | None = None
    error: BaseException | None = None
    thread: threading.Thread = field(init=False)

    def watch(self, report: ProgressReport) -> Path:
        """Run the download and report on it until it is done; an exception of `report` stops it."""
        self.step = f"asking the hub for {self.name}"
        self.thread = threading.Thread(target=self.work, name=f"download of {self.name}", daemon=True)
        self.thread.start()
        silence = Silence()
        try:
            while self.thread.is_alive():
                seconds = silence.seconds(self)
                waiting = f"{NO_ANSWER}{seconds:.0f} s" if seconds >= SECONDS_BEFORE_SAYING_SO else ""
                report(f"{self.step}{waiting}", min(1.0, self.done / self.total) if self.total else None)
                if seconds > SECONDS_OF_SILENCE:
                    raise no_answer(self.name, seconds)
                self.thread.join(SECONDS_BETWEEN_REPORTS)
        except BaseException:
            self.stop()
            raise
        if self.error is not None:
            raise self.error
        assert self.folder is not None
        report(self.step, 1.0)
        return self.folder

    def work(self) -> None:
        """The thread: fetch everything, or keep the error for the watcher."""
        try:
            self.folder = self.fetch()
        except BaseException as error:  # noqa: BLE001 - it is raised again in the watcher's thread
            self.error = error

    def stop(self) -> None:
        """Stop the download: through the progress of a plain one, by ending the session of one through xet."""
        self.stopped = True
        if abort := getattr(_xet, "abort_xet_session", None):
            abort()
        self.thread.join(SECONDS_TO_STOP)

    def fetch(self) -> Path:
        """Download what is not in the cache, weights last: a folder with all its weights has everything else too."""
        constants.DOWNLOAD_CHUNK_SIZE = min(constants.DOWNLOAD_CHUNK_SIZE, CHUNK_BYTES)
        sizes = self.repository_files()
        weights = weight_names(sizes, self.get)
        if not weights:
            is_gguf = any(file.endswith(".gguf") for file in sizes)
            raise LoadError(
                f"{self.name} has no weights that transformers can load.",
                DOWNLOAD_GGUF if is_gguf else OTHER_REPOSITORY,
            )
        if "config.json" not in sizes and ADAPTER_CONFIG not in sizes:
            raise LoadError(f"{self.name} has no config.json.", OTHER_REPOSITORY)
        side = [file for file in sizes if file.endswith(SIDE_FILES) and file not in weights]
        check_disk(self.name, self.missing_bytes([*side, *weights], sizes))
        self.step, self.total = f"downloading {self.name}", sum(sizes.get(file, 0) for file in [*side, *weights])
        finished = 0
        for file in [*side, *weights]:
            self.done = finished
            path = self.get(file)
            finished += sizes.get(file, 0)
        self.done = finished
        return path.parent

    def repository_files(self) -> dict[str, int]:
        """The files at the root of the repository and their sizes in bytes."""
        files = HfApi().model_info(self.name, files_metadata=True, timeout=SECONDS_OF_SILENCE).siblings or []
        return {file.rfilename: file.size or 0 for file in files if "/" not in file.rfilename}

    def get(self, file: str) -> Path:
        """The local path of one file of the repository, downloaded if need be."""
        if self.stopped:
            raise Cancelled
        return Path(hf_hub_download(self.name, file, tqdm_class=progress_class(self)))

    def missing_bytes(self, files: list[str], sizes: dict[str, int]) -> int:
        """Bytes of the files that are not in the cache."""
        return sum(sizes.get(file, 0) for file in files if not isinstance(try_to_load_from_cache(self.name, file), str))


@dataclass
class Silence:
    """How long a download has brought nothing new: neither another step nor more bytes than ever before."""

    since: float = field(default_factory=time.monotonic)
    newest: tuple[str, float] = ("", 0)

    def seconds(self, download: Download) -> float:
        """The seconds since something new came."""
        step, most = self.newest
        now = (download.step, download.done + (0 if download.restarts else download.moved))
        if now[0] != step or now[1] > most:
            self.newest, self.since = now, time.monotonic()
        return time.monotonic() - self.since


def no_answer(name: str, seconds: float) -> LoadError:
    """The refusal of a hub that is silent, or sends what it has sent before."""
    return LoadError(
        f"The hub has sent nothing new of {name} for {seconds:.0f} s.",
        "Check the network, and HF_ENDPOINT if it is set; then try again: what is here already is kept.",
    )


def broken_off(name: str) -> LoadError:
    """The refusal of a hub that breaks a file off again and again."""
    return LoadError(
        f"The hub broke off a file of {name} {RESTARTS + 1} times.", "Try again later: what is here already is kept."
    )


def progress_class(download: Download) -> Any:
    """A progress bar that draws nothing, counts bytes, and stops a plain download when it is to stop.

    Through xet it is updated on a thread of xet's own, where an exception would be printed and stop nothing.
    """

    class Counter(tqdm):  # type: ignore[misc]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **{**kwargs, "disable": True})

        def update(self, n: float | None = 1) -> None:
            mine = threading.current_thread() is download.thread
            if download.stopped and mine:
                raise Cancelled
            download.done += n or 0
            download.restarts += (n or 0) < 0
            if download.restarts > RESTARTS and mine:
                raise broken_off(download.name)

        def update_transfer(self, n: float | None = 1) -> None:
            """Bytes on the network, which `update` counts once they are on the disk."""
            download.moved += max(0, n or 0)

        def set_transfer_postfix_str(self, text: str, refresh: bool = False) -> None:
            """Draw nothing."""

    return Counter


OTHER_REPOSITORY = "Choose a repository with config.json and model.safetensors."
DOWNLOAD_GGUF = "Download one of its GGUF files and give the path of that file."


def check_disk(name: str, needed: int) -> None:
    """Refuse a download of more bytes than are free on the disk of the cache."""
    cache = Path(constants.HF_HUB_CACHE)
    cache.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(cache).free
    if needed > free:
        raise LoadError(
            f"{name} needs {needed / GIB:.1f} GiB of disk and {cache} has {free / GIB:.1f} GiB free.",
            "Free some space, or set HF_HOME to a larger disk.",
        )


def explanation(name: str, error: Exception) -> LoadError:
    """An error of the hub's library in the user's terms."""
    if isinstance(error, HFValidationError):
        return LoadError(f"Invalid name “{name}”: neither a folder nor a hub id.", "A hub id looks like owner/name.")
    if isinstance(error, GatedRepoError):
        return LoadError(
            f"{name} is gated: its owners want you to accept their terms first.",
            f"Accept them at https://huggingface.co/{name} and log in with `hf auth login`.",
        )
    if isinstance(error, RepositoryNotFoundError):
        return no_such_model(name)
    # The failure of a file is raised as "not in the cache", with the hub's answer as the cause.
    refused = error if isinstance(error, HfHubHTTPError) else error.__cause__
    if isinstance(refused, HfHubHTTPError):
        return refusal_of(name, refused)
    return local_explanation(name, error)


def no_such_model(name: str) -> LoadError:
    """The refusal of a name that the hub does not have."""
    return LoadError(
        f"Model {name} was not found on the hub, or it is private.",
        "Check the spelling; for a private one log in with `hf auth login`.",
    )


def refusal_of(name: str, error: HfHubHTTPError) -> LoadError:
    """An answer of the hub that is an error, by its status."""
    status = error.response.status_code
    if isinstance(error, EntryNotFoundError):
        return LoadError(f"The hub lacks a file of {name}.", OTHER_REPOSITORY)
    if status == 404:
        return no_such_model(name)
    if status in (401, 403):
        remedy = "Log in again with `hf auth login`."
    elif status >= 500 or status in (408, 425, 429):
        remedy = "Try again in a moment."
    else:
        remedy = f"See what https://huggingface.co/{name} says of it."
    return LoadError(f"The hub answered for {name} with error {status}.", remedy)


def local_explanation(name: str, error: Exception) -> LoadError:
    """An error on this side of the network in the user's terms."""
    cache = constants.HF_HUB_CACHE
    number = getattr(error, "errno", None)
    if number in (errno.ENOSPC, errno.EDQUOT):
        return LoadError(f"The disk of {cache} is full.", "Free some space, or set HF_HOME to a larger disk.")
    if number in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR):
        return LoadError(f"{cache} cannot be written.", "Make it writable, or set HF_HOME to another folder.")
    if isinstance(error, (OfflineModeIsEnabled, HTTPError)) or isinstance(error.__cause__, HTTPError):
        begun = (Path(cache) / repo_folder_name(repo_id=name, repo_type="model")).exists()
        bundled = "Did you mean demo, the bundled model? " if get_close_matches(name.casefold(), ["demo"]) else ""
        return LoadError(
            f"{name} is not {'complete ' if begun else ''}on this machine, and the hub cannot be reached.",
            f"{bundled}Check the network (and HF_HUB_OFFLINE), or give the folder of a model that is here.",
        )
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return LoadError(f"{name} could not be downloaded ({reason}).", "Try again; what is here already is kept.")
