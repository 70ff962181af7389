"""The prompts of a command: one, or a stream of them from a file or standard input."""

from __future__ import annotations

import argparse
from collections.abc import Iterable

from selfie_tui.errors import RequestError
from selfie_tui.streams import prompt_lines, read_prompt


def add_prompts(command: argparse.ArgumentParser) -> None:
    """A prompt, or the option of a file of prompts."""
    command.add_argument("prompt", metavar="PROMPT", nargs="?", help="the source prompt; - reads it from stdin")
    command.add_argument(
        "--prompts",
        metavar="FILE",
        help='prompts, one a line, or one {"prompt": "…"} a line; - reads them from stdin',
    )


def chosen_prompts(arguments: argparse.Namespace, command: str) -> Iterable[str]:
    """The prompts that are read; those of a stream one at a time, so that reading them can raise RequestError too.

    Raises:
        RequestError: where there is none, or both a prompt and a file of prompts.
    """
    if (arguments.prompt is None) == (arguments.prompts is None):
        raise RequestError("Give one prompt, or --prompts FILE.", f"See selfie-tui {command} --help.")
    if arguments.prompts is not None:
        return prompt_lines(arguments.prompts)
    return [chosen_prompt(arguments.prompt)]


def chosen_prompt(typed: str) -> str:
    """The prompt that was typed, that of standard input for `-`; raises RequestError for an empty one."""
    prompt = read_prompt() if typed == "-" else typed
    if not prompt.strip():
        raise RequestError("The prompt is empty.", "Give the text whose hidden states you want to read.")
    return prompt
