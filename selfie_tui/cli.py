"""The command line: the app, and the commands that work without a screen; heavy imports wait until they are needed."""

from __future__ import annotations

import argparse
import contextlib
import gc
import os
import sys
import threading
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from selfie_tui import ENGINE_THREAD, __version__, commands, streams
from selfie_tui.commands.model_options import EXIT_CODES, add_model

ENGINE_GRACE = 0.5
"""Seconds that the engine's thread gets to end by itself when the program leaves."""


COLLECTIONS = (50_000, 20, 20)
"""After how many new objects the garbage collector looks through the youngest, and how often through the others."""


def run() -> None:
    """The program: run the command line and leave.

    An engine that is in the middle of a forward cannot be torn down with the interpreter without a crash, so once
    everything is written the process ends on the spot.
    """
    # Libraries make a million objects that stay: at Python's own pace the collector takes a quarter of the start.
    gc.set_threshold(*COLLECTIONS)
    streams.make_usable()
    code = main()
    engines = [thread for thread in threading.enumerate() if thread.name == ENGINE_THREAD]
    for thread in engines:
        thread.join(ENGINE_GRACE)
    if any(thread.is_alive() for thread in engines):
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError):
                stream.flush()
        os._exit(code)
    # The interpreter would look through all of it once more, for half a second, before it lets go of it.
    gc.freeze()
    sys.exit(code)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    arguments = parser().parse_args(argv)
    if arguments.command:
        code: int = arguments.run(arguments)
        return code
    if not (sys.stdin.isatty() and (sys.stdout.isatty() or sys.stderr.isatty())):
        print("selfie-tui needs a terminal; without one use `selfie-tui interpret`.", file=sys.stderr)
        return 2
    from selfie_tui.errors import RequestError
    from selfie_tui.parse import parse_block_paths
    from selfie_tui.tui import run as run_app
    from selfie_tui.tui.options import AppOptions

    try:
        layer_paths = parse_block_paths(arguments.layer_paths)
    except RequestError as error:
        print(error, file=sys.stderr)
        return 2

    return run_app(
        AppOptions(
            model=arguments.model,
            device=arguments.device,
            dtype=arguments.dtype,
            layer_paths=layer_paths,
            prompt=arguments.prompt,
            mouse=not arguments.no_mouse,
            theme=arguments.theme,
            ascii=arguments.ascii or None,
            stock_display=arguments.stock_display,
            session=not arguments.no_session,
        )
    )


class Parser(argparse.ArgumentParser):
    """A grammar whose refusals show what was typed without the control characters in it."""

    def error(self, message: str) -> NoReturn:
        from selfie_tui.text import prose  # not needed where nothing is wrong

        super().error(prose(message))


class TopParser(Parser):
    """The grammar before a command, which knows that a model's name is what is typed most where a command belongs."""

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.dest == "command" and action.choices is not None and value not in action.choices:
            names = ", ".join(action.choices)
            self.error(f"there is no command {value}: the commands are {names}; a model is opened with --model {value}")
        super()._check_value(action, value)


class CommandParser(Parser):
    """The grammar of a command, which its module fills in when it is needed: `--help` and `--version` import none."""

    module = ""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        if self.module:
            module, self.module = self.module, ""
            import_module(module).add_arguments(self)
        return super().parse_known_args(args, namespace)


def add_commands(top: argparse.ArgumentParser) -> None:
    """Add the modules of `selfie_tui.commands` that are a command: those whose docstring begins with its call.

    What stands behind the call, as far as the end of the line, is the command's help.
    """
    subparsers = top.add_subparsers(dest="command", metavar="COMMAND", parser_class=CommandParser)
    for found in sorted(Path(commands.__path__[0]).glob("*.py")):
        with found.open(encoding="utf-8") as source:
            call, _, help = source.readline().strip().strip('"').rstrip(".").partition(": ")
        if call == f"`selfie-tui {found.stem}`":
            command = subparsers.add_parser(found.stem, help=help, allow_abbrev=False)
            command.module = f"{commands.__name__}.{found.stem}"


def parser() -> argparse.ArgumentParser:
    """The whole grammar of the command line."""
    top = TopParser(
        prog="selfie-tui",
        description="Read a language model's hidden states aloud, in a terminal.",
        epilog=f"Without a command the app opens. {EXIT_CODES}",
        allow_abbrev=False,
    )
    top.add_argument("--version", action="version", version=f"selfie-tui {__version__}")
    add_model(top)
    top.add_argument("--prompt", help="the source prompt to begin with (default: the last draft)")
    top.add_argument("--theme", help="a theme by name, shipped or from your config folder")
    top.add_argument("--no-mouse", action="store_true", help="leave the mouse to the terminal")
    top.add_argument("--ascii", action="store_true", help="draw with ASCII only")
    top.add_argument("--no-session", action="store_true", help="do not append results to a session file")
    top.add_argument("--stock-display", action="store_true", help="draw whole regions rather than only what changed")
    add_commands(top)
    return top


if __name__ == "__main__":
    run()
