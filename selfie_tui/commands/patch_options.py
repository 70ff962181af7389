"""The options of `patch`, and what is read from them."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable
from typing import NamedTuple

from selfie_tui.commands.prompts import chosen_prompt
from selfie_tui.errors import RequestError
from selfie_tui.parse import parse, parse_integer
from selfie_tui.records import ModelInfo, PatchActivations
from selfie_tui.streams import object_lines

METRICS = ("logit_difference", "logit", "probability", "kl")
SITES = "resid,attn,mlp"
POSITIONS = "each, all, last, last:4 (the last four in turn), 3,5 (in turn) or 3+5 (at once); -1 is the last one"

ANSWERS = {"logit_difference": 2, "logit": 1, "probability": 1, "kl": 0}
"""How many answers a metric needs: the correct one, then the wrong one."""

PLACE = re.compile(r"-?\d+")


class Pair(NamedTuple):
    """Two prompts and their answers, "" for an answer that is not given."""

    clean: str
    corrupt: str
    correct: str = ""
    wrong: str = ""


def add_patch_options(command: argparse.ArgumentParser) -> None:
    """The prompts, and what is written where."""
    command.add_argument("clean", metavar="SOURCE", nargs="?", help="the clean prompt, A; - reads it from stdin")
    command.add_argument("corrupt", metavar="TARGET", nargs="?", help="the corrupt prompt, B, of as many tokens")
    command.add_argument(
        "--pairs",
        metavar="FILE",
        help='pairs, one a line: {"source": "…", "target": "…", "correct": "…", "wrong": "…"}; - reads them from stdin',
    )
    command.add_argument("--correct", metavar="WORD", default="", help="the answer to SOURCE (default: what it says)")
    command.add_argument("--wrong", metavar="WORD", default="", help="the answer to TARGET (default: what it says)")
    command.add_argument(
        "--sites", default=SITES, help=f"what is written: resid, attn, mlp, and by head q, k, v, o (default: {SITES})"
    )
    command.add_argument("--layers", default="all", help="such as 0-7,9 or all (default: all); -1 is the last one")
    command.add_argument("--positions", default="each", help=f"{POSITIONS} (default: each)")
    command.add_argument(
        "--noise", action="store_true", help="write TARGET's values into SOURCE's run, not the reverse"
    )
    command.add_argument(
        "--metric", choices=METRICS, default=METRICS[0], help=f"what is scored (default: {METRICS[0]})"
    )
    command.add_argument(
        "--no-attribution", action="store_true", help="do not estimate all scores from gradients first"
    )
    command.add_argument("--top", metavar="K", default="3", help="next tokens that each run is shown with (default: 3)")
    command.add_argument(
        "--per-example", action="store_true", help="of several pairs, the maps of each, not their mean"
    )


def chosen_pairs(arguments: argparse.Namespace) -> Iterable[Pair]:
    """The pairs that are patched; those of a stream one at a time, so that reading them can raise RequestError too.

    Raises:
        RequestError: where there is none, or both a pair and a file of pairs.
    """
    typed = arguments.clean is not None
    if typed == (arguments.pairs is not None) or (typed and arguments.corrupt is None):
        raise RequestError("Give two prompts, or --pairs FILE.", "See selfie-tui patch --help.")
    if not typed:
        return (pair_in(number, found, arguments) for number, found in object_lines(arguments.pairs))
    clean, corrupt = (chosen_prompt(each) for each in (arguments.clean, arguments.corrupt))
    return [Pair(clean, corrupt, arguments.correct, arguments.wrong)]


def pair_in(number: int, found: dict[str, object], arguments: argparse.Namespace) -> Pair:
    """The pair of a line; answers that it has not are those of the options. Raises RequestError for no pair."""
    values = [
        found.get("source", found.get("clean")),
        found.get("target", found.get("corrupt")),
        found.get("correct", arguments.correct),
        found.get("wrong", arguments.wrong),
    ]
    texts = [value for value in values if isinstance(value, str)]
    if len(texts) < len(values) or not all(text.strip() for text in texts[:2]):
        raise RequestError(f"Line {number} is no pair.", 'Write {"source": "…", "target": "…"} on each line.')
    return Pair(*texts)


def as_task(arguments: argparse.Namespace, pair: Pair, model: ModelInfo | None) -> PatchActivations:
    """The task of a pair; without a model its layers are left out. Raises RequestError for what cannot be read."""
    kind, positions = parse_places(arguments.positions)
    layers = None
    if arguments.layers.strip() != "all" and model is not None:
        layers = parse(re.sub(r"L(?=\d)", "", arguments.layers), model.layers, "layer", lowest=0)
    sites = tuple(site.strip() for site in arguments.sites.split(",") if site.strip())
    if not sites:
        raise RequestError("There is no site.", f"Give one or more, such as {SITES}.")
    return PatchActivations(
        clean=pair.clean,
        corrupt=pair.corrupt,
        correct=pair.correct,
        wrong=pair.wrong,
        sites=sites,
        layers=layers,
        kind=kind,
        positions=positions,
        noise=arguments.noise,
        metric=arguments.metric,
        attribution=not arguments.no_attribution,
        k=parse_integer(arguments.top, "number of tokens", 0),
    )


def parse_places(text: str) -> tuple[str, tuple[int, ...]]:
    """The kind of positions and their list: of `each`, `all`, `last`, `last:4`, `3,5` or `3+5`.

    Raises:
        RequestError: for anything else.
    """
    asked = text.replace(" ", "")
    if asked in ("each", "all", "last"):
        return asked, ()
    kind, _, count = asked.partition(":")
    if kind == "last" and count.isdecimal() and int(count):
        return "lastk", (int(count),)
    at_once = "+" in asked
    parts = asked.split("+" if at_once else ",")
    if not all(PLACE.fullmatch(part) for part in parts):
        raise RequestError(f"Invalid positions “{text}”.", f"Use {POSITIONS}.")
    return ("custom_constant" if at_once else "custom"), tuple(map(int, parts))
