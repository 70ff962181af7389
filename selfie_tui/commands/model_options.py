"""The options of app and commands that choose a model; light, as the program's own help needs them."""

from __future__ import annotations

import argparse

DEVICES = "mps, cuda, cuda:1, cpu, or all (spread over all GPUs)"
DTYPES = "fp32, bf16, fp16, or on CUDA 8bit, 4bit"
STACKS = ("encoder", "decoder")
EXIT_CODES = "exit codes: 0 done · 1 the run failed · 2 wrong usage · 3 the model could not be opened · 130 interrupted"


def add_model(to: argparse.ArgumentParser) -> None:
    """The options that choose a model and where it runs."""
    to.add_argument(
        "--model", default="demo", help="demo (bundled), a folder, a GGUF file, or a hub id (default: demo)"
    )
    add_placement(to)
    add_layer_paths(to)


def add_layer_paths(to: argparse.ArgumentParser) -> None:
    """The option that names the blocks of a model in which they are not found."""
    to.add_argument(
        "--layer-paths",
        metavar="PATHS",
        action="append",
        default=[],
        help="the modules of the blocks, where they are not found: 'h.{0-11}' or first,second; of two stacks one a "
        "time: 'encoder=enc.{0-5}'",
    )


def add_placement(to: argparse.ArgumentParser) -> None:
    """The options that say where a model runs, and in what number format."""
    to.add_argument("--device", default="auto", help=f"{DEVICES} (default: auto, the best there is)")
    to.add_argument("--dtype", default="auto", help=f"{DTYPES} (default: auto, the checkpoint's own)")
