"""`selfie-tui inspect`: show the modules of a model, their values for a prompt, attention, and what edits change."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator

from selfie_tui.ascii_json import encode_ascii
from selfie_tui.commands.client import DONE, Client, all_cores_engine, narrate, run_command
from selfie_tui.commands.inspected import lines_of
from selfie_tui.commands.model_options import EXIT_CODES, STACKS, add_model
from selfie_tui.commands.prompts import chosen_prompt
from selfie_tui.edits import edit_line, parse_edit_line, parse_module
from selfie_tui.errors import RequestError
from selfie_tui.jobs import Engine
from selfie_tui.parse import from_end, parse_integer
from selfie_tui.records import (
    EMBED,
    Answer,
    AnswersSoFar,
    AttentionRead,
    Cell,
    EditsSet,
    Event,
    JobFinished,
    KeepVector,
    Notice,
    Peek,
    Peeked,
    PeekSteps,
    ReadAttention,
    SetEdits,
    StepPeeked,
    Task,
    Token,
    VectorKept,
)

ANSWER = 12
"""Tokens of an answer where the number is not given."""


ENDS: dict[type[Task], type[Event]] = {Peek: Peeked, ReadAttention: AttentionRead, KeepVector: VectorKept}
"""The only event of each quick task, after which no other says that it is done."""


SHOWN = (Peeked, StepPeeked, AttentionRead, AnswersSoFar, VectorKept)
"""The events that are printed, of answers only the whole ones."""


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Fill in the command's grammar."""
    command.description = (
        "Without a prompt: the tree of modules, from the model's configuration, before a weight is read. With one: "
        "what a module's output or input holds, what its heads attend to, what the model says with and without edits. "
        "A module is named by its path or the unique end of it, such as layers.5.mlp, with :input or :output.1 behind."
    )
    command.epilog = EXIT_CODES
    command.add_argument("prompt", nargs="?", metavar="PROMPT", help="the text that the model reads; - reads stdin")
    add_model(command)
    command.add_argument("--find", metavar="TEXT", default="", help="only modules with this in their path or class")
    command.add_argument("--module", metavar="PATH", help="show what this module holds at every token")
    command.add_argument("--token", metavar="N", type=int, default=-1, help="which token is looked at (default: -1)")
    command.add_argument("--steps", metavar="N", help="what the module holds at each of N generated tokens")
    command.add_argument("--attention", metavar="PATH", help="from where each head of this attention or layer reads")
    command.add_argument("--head", metavar="H", help="the whole pattern of one head")
    command.add_argument("--cross", action="store_true", help="attention to what the encoder has read")
    command.add_argument("--stack", choices=STACKS, default="", help="whose tokens are meant (default: the first's)")
    command.add_argument(
        "--edit",
        metavar="EDIT",
        action="append",
        default=[],
        help="change a module: 'layers.5.mlp * 0.5', 'layers.5 zero at 9', 'layers.2 + noise 0.1 seed 3', "
        "'layers.9 + 2 vec:NAME'; more than once for several, which are made in their order",
    )
    command.add_argument("--answer", metavar="N", help=f"tokens of both answers (with --edit: {ANSWER})")
    command.add_argument("--keep", metavar="NAME", help="keep what --module holds at the token as a vector")
    command.add_argument("--overwrite", action="store_true", help="let --keep take the place of a vector of that name")
    command.add_argument("--json", action="store_true", help="one JSON object a line, with every number")
    command.set_defaults(run=run, out=None, no_session=True)


def run(arguments: argparse.Namespace, engine: Callable[[], Engine] = all_cores_engine) -> int:
    """Do the command and return its exit code."""
    return run_command(arguments, inspect, engine)


def inspect(client: Client, arguments: argparse.Namespace) -> int:
    """Show what is asked for; the exit code."""
    if arguments.prompt is None:
        return tree(client, arguments)
    check(arguments)
    prompt = chosen_prompt(arguments.prompt)
    client.load(arguments)
    show(client, arguments, prompt, client.tokens(prompt, arguments.stack))
    return DONE


def tree(client: Client, arguments: argparse.Namespace) -> int:
    """Print the modules of a model that is not loaded."""
    asked = [name for name in ("module", "attention", "keep", "answer", "steps") if getattr(arguments, name)]
    if asked or arguments.edit:
        raise RequestError(f"--{asked[0] if asked else 'edit'} needs a prompt.", "Give the text that the model reads.")
    display(client.modules(arguments.model), arguments, ())
    return DONE


def check(arguments: argparse.Namespace) -> None:
    """Refuse what can be refused before a model is loaded.

    Raises:
        RequestError: for an edit, a module or a number that cannot be read, and for options that need another one.
    """
    for line in arguments.edit:
        parse_edit_line(line)
    if arguments.module is not None:
        parse_module(arguments.module)
    for name, least in (("steps", 1), ("answer", 1), ("head", 0)):
        number(arguments, name, least)
    for option, needed in (("steps", "module"), ("keep", "module"), ("head", "attention")):
        if getattr(arguments, option) and getattr(arguments, needed) is None:
            raise RequestError(f"--{option} needs --{needed}.", "Name the module.")
    if not (arguments.module or arguments.attention or arguments.edit or arguments.answer):
        raise RequestError("Nothing is asked of the prompt.", "Use --module, --attention, --edit or --answer.")


def number(arguments: argparse.Namespace, name: str, least: int) -> int | None:
    """A whole number among the arguments, None where it is not given; raises RequestError."""
    text = getattr(arguments, name)
    return None if text is None else parse_integer(text, name, least)


def show(client: Client, arguments: argparse.Namespace, prompt: str, tokens: tuple[Token, ...]) -> None:
    """Do what is asked for, in order, and print each.

    Raises:
        Failed: if a task is refused or fails.
        RequestError: for a token that is out of range.
    """
    position = from_end(arguments.token, len(tokens), "token")
    for task in tasks(arguments, prompt, position, len(tokens)):
        for event in client.run(task, until=ENDS.get(type(task), JobFinished)):
            if isinstance(event, Notice):
                narrate(event.text)
            elif isinstance(event, EditsSet):
                narrate(f"edited: {'; '.join(edit_line(edit) for edit in event.model.edits)}")
            elif isinstance(event, SHOWN) and getattr(event, "finished", True):
                display(event, arguments, tokens)


def tasks(arguments: argparse.Namespace, prompt: str, position: int, count: int) -> Iterator[Task]:
    """What the arguments ask for, of a prompt of so many tokens."""
    stack = arguments.stack
    if arguments.edit:
        yield SetEdits(tuple(parse_edit_line(line, count) for line in arguments.edit))
    if arguments.module is not None:
        module, steps = parse_module(arguments.module), number(arguments, "steps", 1)
        yield Peek(prompt, module, position, stack=stack)
        if steps is not None:
            yield PeekSteps(prompt, module, steps, stack=stack)
        if arguments.keep:
            cells = (Cell(EMBED, position),)
            yield KeepVector(prompt, cells, arguments.keep, "", module, stack, arguments.overwrite)
    if arguments.attention is not None:
        head = number(arguments, "head", 0)
        queries, heads = ((position, position + 1), None) if head is None else (None, (head,))
        yield ReadAttention(prompt, arguments.attention, queries, None, heads, stack, arguments.cross)
    if arguments.edit or arguments.answer is not None:
        yield Answer(prompt, number(arguments, "answer", 1) or ANSWER)


def display(event: Event, arguments: argparse.Namespace, tokens: tuple[Token, ...]) -> None:
    """Print an event: as JSON with every number, or as lines to read."""
    if arguments.json:
        print(encode_ascii(event).decode(), flush=True)
        return
    for line in lines_of(event, tokens, arguments.find):
        print(line.rstrip(), flush=True)
