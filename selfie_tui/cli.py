"""The command line: the app, headless interpretation, and the doctor; heavy imports wait until they are needed."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import threading
from collections.abc import Sequence

from selfie_tui import ENGINE_THREAD, __version__

DEVICES = "mps, cuda, cuda:1, cpu, or all (spread over all GPUs)"
DTYPES = "fp32, bf16, fp16, or on CUDA 8bit, 4bit"
STACKS = ("encoder", "decoder")
EXIT_CODES = "exit codes: 0 done · 1 the run failed · 2 wrong usage · 3 the model could not be opened · 130 interrupted"


ENGINE_GRACE = 0.5
"""Seconds that the engine's thread gets to end by itself when the program leaves."""


def run() -> None:
    """The program: run the command line and leave.

    An engine that is in the middle of a forward cannot be torn down with the interpreter without a crash, so once
    everything is written the process ends on the spot.
    """
    code = main()
    engines = [thread for thread in threading.enumerate() if thread.name == ENGINE_THREAD]
    for thread in engines:
        thread.join(ENGINE_GRACE)
    if any(thread.is_alive() for thread in engines):
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError):
                stream.flush()
        os._exit(code)
    sys.exit(code)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    arguments = parser().parse_args(argv)
    if arguments.command == "interpret":
        from selfie_tui.commands.interpret import run_interpret

        return run_interpret(arguments)
    if arguments.command == "doctor":
        from selfie_tui.commands.doctor import run_doctor

        return run_doctor(arguments.model_name)
    if not (sys.stdin.isatty() and (sys.stdout.isatty() or sys.stderr.isatty())):
        print("selfie-tui needs a terminal; without one use `selfie-tui interpret`.", file=sys.stderr)
        return 2
    from selfie_tui.tui import run as run_app

    return run_app(
        model=arguments.model,
        device=arguments.device,
        dtype=arguments.dtype,
        prompt=arguments.prompt,
        mouse=not arguments.no_mouse,
        theme=arguments.theme,
        ascii=arguments.ascii or None,
        stock_display=arguments.stock_display,
        session=not arguments.no_session,
    )


def parser() -> argparse.ArgumentParser:
    """The whole grammar of the command line."""
    top = argparse.ArgumentParser(
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
    commands = top.add_subparsers(dest="command", metavar="COMMAND")
    add_interpret(commands)
    doctor = commands.add_parser(
        "doctor", help="show versions, devices and folders; with a model, verify it", allow_abbrev=False
    )
    doctor.add_argument("model_name", nargs="?", metavar="MODEL", help="open this model and print the verdict")
    return top


def add_model(to: argparse.ArgumentParser) -> None:
    """The options that choose a model and where it runs."""
    to.add_argument("--model", default="demo", help="demo (bundled), a folder, or a hub id (default: demo)")
    to.add_argument("--device", default="auto", help=f"{DEVICES} (default: auto, the best there is)")
    to.add_argument("--dtype", default="auto", help=f"{DTYPES} (default: auto, the checkpoint's own)")


def add_interpret(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The headless command."""
    run = commands.add_parser(
        "interpret",
        help="interpret cells of a prompt and print what the model says of them",
        description="Interpret cells of a prompt: results on stdout, narration on stderr. An encoder-decoder takes a "
        "prompt as '[INST]what the encoder reads[/INST] what the decoder has written'; an encoder fills in each [MASK] "
        "of the interpretation prompt, or N masks at its end.",
        epilog=EXIT_CODES,
        allow_abbrev=False,
    )
    run.add_argument("prompt", metavar="PROMPT", help="the source prompt; - reads it from stdin")
    add_model(run)
    run.add_argument("--layers", default="all", help="such as embed,0-7 or all (default: all); -1 is the last one")
    run.add_argument("--tokens", default="-1", help="positions such as 3,4 or 2-5 or all (default: -1, the last one)")
    run.add_argument("--stack", choices=STACKS, default="", help="which stack of a model is read (default: the first)")
    run.add_argument("--preset", default="summarize", help="the interpretation prompt, by name (default: summarize)")
    run.add_argument("--template", metavar="TEXT", help="an interpretation prompt of your own, with placeholders")
    run.add_argument("--placeholder", default="_", help="what stands for the activation in --template (default: _)")
    run.add_argument("--compat", action="store_true", help="overwrite the positions that published code does")
    run.add_argument("--inject", default="embed", metavar="LAYER", help="where it is written (default: embed)")
    run.add_argument("--mode", default="replace", help="replace, blend, add, replace-norm, add-norm or unit")
    run.add_argument("--strength", type=float, default=1.0, help="the mode's strength (default: 1)")
    run.add_argument("--max-new-tokens", type=int, default=12, metavar="N", help="tokens to generate (default: 12)")
    run.add_argument("--temperature", type=float, default=0.0, help="sample at this temperature (default: 0, greedy)")
    run.add_argument("--seed", type=int, default=0, help="seed of sampling and of random directions (default: 0)")
    run.add_argument("--random-control", action="store_true", help="also decode a random direction of each cell's norm")
    run.add_argument("--no-relevancy", action="store_true", help="leave relevancy out (faster)")
    run.add_argument("--json", action="store_true", help="one JSON object a line")


if __name__ == "__main__":
    run()
