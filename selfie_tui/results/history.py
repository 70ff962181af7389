"""All runs that were kept: listed, read back, searched and deleted, without a model.

Session files are the truth; what is listed comes from their indexes (see `index`), results are read by their offset
when they are needed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from selfie_tui import paths
from selfie_tui.results.entries import Entry, Result, RunBegan, decode
from selfie_tui.results.index import Index, forget_others, indexed
from selfie_tui.results.locks import is_held
from selfie_tui.results.run_kinds import said, tokens_of
from selfie_tui.results.stored import StoredRun, fold

TEXTS = 3
"""Texts that are shown of a run in which something was found."""


class History(NamedTuple):
    """The runs there are, newest first, and what kept others from being read, one line a file."""

    runs: list[StoredRun]
    problems: list[str]


class Found(NamedTuple):
    """A run in which a text was found: in how many of its interpretations, and the first of those that differ.

    A run whose prompt, interpretation prompt or model has the text is found with no interpretation.
    """

    run: StoredRun
    matches: int
    texts: tuple[str, ...]


def history(folder: Path, cache: Path | None = None) -> History:
    """The runs in the session files of a folder; `cache` is where indexes are kept, the user's own by default.

    A run that another one resumes is left out once that one has all of its results.
    """
    found = History([], [])
    cache = paths.history_dir() if cache is None else cache
    files = session_files(folder)
    forget_others(folder, files, cache)
    for path in files:
        try:
            index = indexed(path, cache)
        except OSError as error:
            found.problems.append(f"{path}: {error.strerror}")
            continue
        found.runs.extend(ended(path, index))
        if index.unreadable:
            found.problems.append(f"{path}: {index.unreadable} lines cannot be read")
    found.runs.sort(key=lambda run: (run.began.began, run.path.name, run.start), reverse=True)
    return History(without_resumed(found.runs), found.problems)


def stored_runs(folder: Path, cache: Path | None = None) -> list[StoredRun]:
    """The runs in the session files of a folder, newest first, as `history` finds them."""
    return history(folder, cache).runs


def session_files(folder: Path) -> list[Path]:
    """The session files of a folder, which need not exist."""
    return sorted(path for path in folder.glob("*.jsonl") if path.is_file())


def ended(path: Path, index: Index) -> list[StoredRun]:
    """The runs of a file, those without an end being killed or, the last of a file in use, running."""
    runs = [msgspec.structs.replace(run, path=path, ending=run.ending or "killed") for run in index.runs]
    if runs and not index.runs[-1].ending and is_held(path):
        runs[-1] = msgspec.structs.replace(runs[-1], ending="running")
    return runs


def without_resumed(runs: list[StoredRun]) -> list[StoredRun]:
    """The runs without those whose results all stand in another one, which resumes them."""
    resumed = {run.began.resumes: run.done for run in runs if run.began.resumes}
    return [run for run in runs if resumed.get(run.id, -1) < run.done]


def read_run(stored: StoredRun) -> Iterator[Entry]:
    """The entries of a run, one after the other as they are asked for: its beginning, its results, its end.

    Of the results those come first that belong to the whole run.

    Raises:
        OSError: the file cannot be read any more.
        msgspec.DecodeError: it has been changed since the run was listed.
    """
    offsets = [stored.start, *stored.about.values(), *stored.result_offsets, stored.end]
    return entries_at(stored.path, [offset for offset in offsets if offset >= 0])


def read_began(stored: StoredRun) -> RunBegan:
    """The beginning of a run with all of its request's cells; raises as `read_run`."""
    began = next(entries_at(stored.path, [stored.start]))
    assert isinstance(began, RunBegan)
    return began


def entries_at(path: Path, offsets: Iterable[int]) -> Iterator[Entry]:
    """The entries whose lines begin at the offsets of a file, in their order; raises as `read_run`.

    The texts of tokens, which are few and come again and again, are shared between entries.
    """
    texts: dict[str, str] = {}
    with path.open("rb") as file:
        for offset in offsets:
            file.seek(offset)
            entry = decode(file.readline())
            if isinstance(entry, Result):
                for token in tokens_of(entry.value):
                    msgspec.structs.force_setattr(token, "text", texts.setdefault(token.text, token.text))
            yield entry


def search(runs: Iterable[StoredRun], text: str) -> Iterator[Found]:
    """The runs that have a text, whatever its case, in their interpretations, prompts or model, in the order given."""
    needle = fold(text)
    for run in runs:
        matches = matching_lines(run.folded, needle)
        if matches or needle in description(run):
            yield Found(run, len(matches), texts_at(run, different(run.folded, matches)))


def description(run: StoredRun) -> str:
    """What is searched of a run besides its texts."""
    return fold("\n".join((run.began.model, run.prompt, *run.kind.texts(run.began.task))))


def matching_lines(lines: str, needle: str) -> list[int]:
    """The numbers, from 0, of the lines that have a text."""
    found: list[int] = []
    number = last = 0
    while needle and (at := lines.find(needle, last)) >= 0:
        number += lines.count("\n", last, at)
        found.append(number)
        end = lines.find("\n", at)
        if end < 0:
            break
        last = end + 1
        number += 1
    return found


def different(lines: str, numbers: list[int]) -> list[int]:
    """The first few of some lines, by number, of which no two are the same."""
    if not numbers:
        return []
    texts = lines.split("\n")
    firsts: dict[str, int] = {}
    for number in numbers:
        firsts.setdefault(texts[number], number)
        if len(firsts) == TEXTS:
            break
    return list(firsts.values())


def texts_at(run: StoredRun, numbers: list[int]) -> tuple[str, ...]:
    """The texts of a run's interpretations by their number, as they were written; none from a file that is gone."""
    offsets = run.result_offsets
    try:
        entries = list(entries_at(run.path, [offsets[number] for number in numbers]))
    except (OSError, msgspec.DecodeError):
        return ()
    return tuple(said(entry.value) for entry in entries if isinstance(entry, Result))
