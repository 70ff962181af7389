"""The runs that were kept, of this session and of all before it, as the interface knows them; and runs read back."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from selfie_tui import paths
from selfie_tui.records import CONTROL, Control, Event, Interpretation
from selfie_tui.results.deleting import delete_run
from selfie_tui.results.entries import Entry, Result, RunBegan
from selfie_tui.results.history import History, ended, history, read_run, without_resumed
from selfie_tui.results.index import indexed
from selfie_tui.results.run_kinds import kind_of
from selfie_tui.results.stored import StoredRun
from selfie_tui.results.undeleting import lines_of
from selfie_tui.tui.runs import Run, State, sources_of

STATES: dict[str, State] = {"finished": "finished", "cancelled": "cancelled", "failed": "failed"}
"""How a run that was read back stands, by its ending; any other was not finished."""


class PlayedBack(NamedTuple):
    """A run that was kept: its beginning, the events of its results, when it was made, its id."""

    began: RunBegan
    events: tuple[Event, ...]
    origin: str
    kept_as: str


class KeptRuns:
    """The runs in the session files of a `folder`, newest first; `own` is the file that this program writes.

    `folder=None` keeps nothing. What reads files (`find`, `find_own`, `read`) may be called on any thread; what takes
    the result is the interface's.
    """

    def __init__(self, folder: Path | None = None, own: Path | None = None, cache: Path | None = None) -> None:
        self.folder = folder
        self.own = own
        self._cache = cache
        self.runs: list[StoredRun] = []
        self.problems: list[str] = []
        self.deleted: list[tuple[StoredRun, bytes]] = []
        """The runs that this program has deleted, with their lines, the last one last."""
        self.listed = False
        """Whether the session files have been looked at."""

    @property
    def cache(self) -> Path:
        """Where indexes of session files are kept."""
        return paths.history_dir() if self._cache is None else self._cache

    @property
    def before(self) -> StoredRun | None:
        """The last run before this session."""
        return next((run for run in self.runs if run.path != self.own), None)

    @property
    def sessions(self) -> int:
        """The number of sessions that have runs."""
        return len({run.path for run in self.runs})

    def of_job(self, number: int) -> StoredRun | None:
        """The run of a job of this session, once something of it is kept."""
        return next((run for run in self.runs if run.number == number and run.path == self.own), None)

    def find(self) -> History:
        """Look at all session files."""
        return history(self.folder, self.cache) if self.folder is not None else History([], [])

    def take(self, found: History) -> None:
        """Take what `find` found."""
        self.runs, self.problems, self.listed = found.runs, found.problems, True

    def find_in(self, path: Path) -> list[StoredRun]:
        """The runs of one session file as it is now; none where it is gone."""
        try:
            return ended(path, indexed(path, self.cache))
        except FileNotFoundError:
            return []

    def delete(self, run: StoredRun) -> bytes:
        """Delete a run from its file; its lines.

        Raises:
            SelfieError: for a run that is still being written, or a file that cannot be changed.
            OSError: the file cannot be read.
        """
        lines = lines_of(run)
        delete_run(run, self.cache)
        return lines

    def take_in(self, path: Path, found: Iterable[StoredRun]) -> None:
        """Take what `find_in` found in place of what was known of that file."""
        runs = [*(run for run in self.runs if run.path != path), *found]
        runs.sort(key=lambda run: (run.began.began, run.path.name, run.start), reverse=True)
        self.runs = without_resumed(runs)


def read_back(stored: StoredRun, number: int, today: datetime | None = None) -> Run:
    """A stored run as if just run, under a number of its own; its sources are the tokens that its results name.

    Raises:
        OSError: the file cannot be read any more.
        ValueError: it has been changed since the run was listed.
    """
    return run_of(whole(stored), number, stored.ending, today)


def played_back(stored: StoredRun, today: datetime | None = None) -> PlayedBack:
    """A stored run of any kind as its events; raises as `read_back`."""
    began, *rest = whole(stored)
    assert isinstance(began, RunBegan)
    results = {entry.index: entry.value for entry in rest if isinstance(entry, Result)}
    events = tuple(kind_of(began.task).events(results))
    return PlayedBack(began, events, f"from {moment(local(began.began), today)}", stored.id)


def whole(stored: StoredRun) -> list[Entry]:
    """The entries of a stored run; raises as `read_back`."""
    entries = list(read_run(stored))
    if not isinstance(entries[0], RunBegan) or any(entry.run != stored.number for entry in entries):
        raise ValueError("another run lies there")
    return entries


def run_of(entries: Iterable[Entry], number: int, ending: str, today: datetime | None = None) -> Run:
    """A run from its entries, the first of which begins it."""
    began, *rest = entries
    assert isinstance(began, RunBegan)
    results = [entry for entry in rest if isinstance(entry, Result)]
    interpretations = {
        entry.index: entry.value for entry in sorted(results, key=lambda entry: entry.index)
        if isinstance(entry.value, Interpretation)
    }  # fmt: skip
    controls = [entry.value for entry in results if entry.index == CONTROL and isinstance(entry.value, Control)]
    return Run(
        number=number,
        model=began.model,
        request=began.request,
        sources=sources_of(interpretations),
        state=STATES.get(ending, "unfinished"),
        control=controls[-1] if controls else None,
        interpretations=interpretations,
        info=began.info,
        began=began,
        origin=f"from {moment(local(began.began), today)}",
    )


# Times ----------------------------------------------------------------------------------------------------------------


def local(began: str) -> datetime:
    """The time of an entry, in the user's time zone."""
    return datetime.fromisoformat(began).astimezone()


def day(when: datetime, today: datetime | None = None) -> str:
    """`today`, `yesterday`, `Mon 17 Nov`, and with its year where that is another."""
    now = today or datetime.now().astimezone()
    days = (now.date() - when.date()).days
    if days in (0, 1):
        return "today" if days == 0 else "yesterday"
    return f"{when:%a} {when.day} {when:%b}{f' {when.year}' if when.year != now.year else ''}"


def moment(when: datetime, today: datetime | None = None) -> str:
    """`today 11:34`, `yesterday 18:02`, `24 Nov 11:34`."""
    named = day(when, today)
    return f"{named if named in ('today', 'yesterday') else named.split(' ', 1)[1]} {when:%H:%M}"
