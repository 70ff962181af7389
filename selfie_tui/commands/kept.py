"""What commands on earlier runs share: the runs by name, and errors as exit codes."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from msgspec import DecodeError

from selfie_tui import paths
from selfie_tui.commands.client import RUN_FAILED, WRONG_USAGE, narrate, stop_printing
from selfie_tui.errors import RequestError, SelfieError
from selfie_tui.results.choosing import chosen_runs
from selfie_tui.results.history import history
from selfie_tui.results.stored import StoredRun


def all_runs() -> list[StoredRun]:
    """All runs there are, newest first; what cannot be read is narrated."""
    runs, problems = history(paths.sessions_dir())
    for problem in problems:
        narrate(problem)
    return runs


def named(names: list[str]) -> list[StoredRun]:
    """The runs of these names; raises RequestError."""
    return chosen_runs(all_runs(), names)


def refusing(action: Callable[[argparse.Namespace], int]) -> Callable[[argparse.Namespace], int]:
    """An action whose errors are narrated: 2 for a refused request, 1 for what failed."""

    def run(arguments: argparse.Namespace) -> int:
        try:
            return action(arguments)
        except RequestError as error:
            narrate(str(error))
            return WRONG_USAGE
        except SelfieError as error:
            narrate(str(error))
            return RUN_FAILED
        except BrokenPipeError:
            return stop_printing()
        except (OSError, DecodeError) as error:
            narrate(f"A session cannot be read: {error}. List the sessions again.")
            return RUN_FAILED

    return run
