"""`selfie-tui interpret`: interpret cells of a prompt and print what the model says of them."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from selfie_tui.commands.client import DONE, Client, all_cores_engine, run_command
from selfie_tui.commands.model_options import EXIT_CODES, add_model
from selfie_tui.commands.options import add_output
from selfie_tui.commands.printing import follow
from selfie_tui.commands.prompts import chosen_prompt
from selfie_tui.commands.requests import add_request, chosen_settings, make_request
from selfie_tui.commands.stacks import chosen_stack
from selfie_tui.interpret_settings import Bounds
from selfie_tui.jobs import Engine
from selfie_tui.records import Interpret


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Fill in the command's grammar."""
    command.description = (
        "Interpret cells of a prompt: results on stdout, narration on stderr. An encoder-decoder takes a prompt as "
        "'[INST]what the encoder reads[/INST] what the decoder has written'; an encoder fills in each [MASK] of the "
        "interpretation prompt, or N masks at its end."
    )
    command.epilog = EXIT_CODES
    command.add_argument("prompt", metavar="PROMPT", help="the source prompt; - reads it from stdin")
    add_model(command)
    add_request(command, tokens="-1")
    add_output(command)
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace, engine: Callable[[], Engine] = all_cores_engine) -> int:
    """Do the command and return its exit code."""
    return run_command(arguments, interpret, engine)


def interpret(client: Client, arguments: argparse.Namespace) -> int:
    """Load, tokenize, run and print; the exit code. What is wrong whatever the model is refused before it is loaded."""
    chosen_settings(arguments, Bounds())
    prompt = chosen_prompt(arguments.prompt)
    model = client.load(arguments)
    stack = chosen_stack(model, arguments.stack)
    request = make_request(arguments, model, prompt, stack, client.tokens(prompt, stack))
    follow(client, Interpret(request), as_json=arguments.json)
    return DONE
