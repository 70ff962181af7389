"""What is known of a kind of run: how lists name it, how it goes on where it stopped, how it is shown again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from selfie_tui.records import Event, GeneratedToken, Kept, LensToken, RunTask

Results = Mapping[int, Kept]
"""The results of a run, by their index."""


class Words(NamedTuple):
    """What a result says, on one line where that is of several texts, and its tokens, which come by the thousand."""

    said: Callable[[Any], str]
    tokens: Callable[[Any], Sequence[GeneratedToken | LensToken]] = lambda value: ()


class RunKind(NamedTuple):
    """A kind of run, by its task: a word for what it did, and the noun of its results.

    `prompt` is the text that was read, `asked` in a few words what was asked of it, `texts` what else is searched; all
    are unsafe to print as they are. `results` is how many results there are to be, where the task says so; where it
    does not, the beginning that is kept does. `words` has what results say, by their type; others say nothing.
    """

    word: str
    noun: str
    prompt: Callable[[Any], str]
    asked: Callable[[Any], str]
    texts: Callable[[Any], Iterable[str]]
    results: Callable[[Any], int]
    words: dict[type[Kept], Words]
    events: Callable[[Results], Iterator[Event]]
    """The results as the events that brought them, in the order in which the engine yields them."""
    resumed: Callable[[str, Any, Results], RunTask]
    """The task that goes on with a run, by the name of that among all sessions, its task and its results."""
    label: Callable[[int, Results], str]
    """Of what a result is."""
    shortened: Callable[[Any], RunTask] = lambda task: task
    """The task as a list of runs keeps it, without what there can be much of."""
    again: Callable[[Any], RunTask] = lambda task: task
    """The task that makes a run a second time."""
    compared: str = "texts"
    """What of two runs is set beside each other."""
    number: Callable[[Any], float | None] = lambda value: None
    """The number by which two results are compared, None where their words are."""
