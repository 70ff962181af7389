"""`selfie-tui calibrate`: find out where and how to write a vector for a preset to read on a model."""

from __future__ import annotations

import argparse
from collections.abc import Callable

import msgspec

from selfie_tui import paths
from selfie_tui.ascii_json import encode_ascii
from selfie_tui.calibration_table import summary, table
from selfie_tui.commands.client import (
    DONE,
    WRONG_USAGE,
    Client,
    Failed,
    all_cores_engine,
    narrate,
    run_command,
    show_progress,
)
from selfie_tui.commands.model_options import EXIT_CODES, add_model
from selfie_tui.jobs import Engine
from selfie_tui.presets import PRESETS, own_presets, preset_called
from selfie_tui.records import Calibrate, Calibrated, Calibration, ModelInfo, Notice, Preset, Progress
from selfie_tui.results.calibrations import kept_calibration
from selfie_tui.text import prose

ALL = "all"


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Fill in the command's grammar."""
    command.description = (
        "Read known words back with many injection layers and modes, and propose the setting that reads most of them. "
        "What is found is kept for this model and shown in the app's settings; a calibration that stopped goes on."
    )
    command.epilog = EXIT_CODES
    add_model(command)
    command.add_argument(
        "--preset",
        action="append",
        metavar="NAME",
        help=f"an interpretation prompt, by name; may be given again; {ALL} for all (default: {PRESETS[0].name})",
    )
    command.add_argument("--no-system", action="store_true", help="leave out the chat template's own system text")
    command.add_argument("--anew", action="store_true", help="do not use what was kept of this model")
    command.add_argument("--json", action="store_true", help="one JSON object a preset, on a line")
    command.set_defaults(run=run, out=None, overwrite=False, no_session=True)


def run(arguments: argparse.Namespace, engine: Callable[[], Engine] = all_cores_engine) -> int:
    """Do the command and return its exit code."""
    return run_command(arguments, calibrate, engine)


def calibrate(client: Client, arguments: argparse.Namespace) -> int:
    """Load a model and calibrate presets one by one, printing each; the exit code."""
    presets = chosen_presets(arguments.preset or [PRESETS[0].name])
    model = client.load(arguments)
    refused = [preset for preset in presets if not calibrated(client, model, preset, arguments)]
    return WRONG_USAGE if len(refused) == len(presets) else DONE


def chosen_presets(names: list[str]) -> list[Preset]:
    """The presets of these names, each once; raises RequestError for an unknown one."""
    if ALL in names:
        return [*PRESETS, *own_presets().presets]
    return [preset_called(name) for name in dict.fromkeys(names)]


def calibrated(client: Client, model: ModelInfo, preset: Preset, arguments: argparse.Namespace) -> bool:
    """Calibrate a preset and print what is found; False, with the reason narrated, where the model does not take it."""
    try:
        found = find(client, model, preset, system=not arguments.no_system, anew=arguments.anew)
    except Failed as error:
        if not error.refused:
            raise
        narrate(f"{preset.name}: {error}")
        return False
    if arguments.json:
        print(as_json(found), flush=True)
    else:
        print("\n".join(prose(line) for line in [*table(found), "", summary(found), ""]), flush=True)
    return True


def find(client: Client, model: ModelInfo, preset: Preset, *, system: bool, anew: bool) -> Calibration:
    """The calibration of a preset: the one that is kept, or one that goes on from where it stopped.

    Raises:
        Failed: if it fails.
        Interrupted: if it was cancelled.
    """
    kept = None if anew else kept_calibration(paths.calibrations_dir(), model.revision, preset, system)
    if kept is not None and kept.finished:
        return kept
    found: Calibration | None = None
    for event in client.run(Calibrate(preset, system=system, earlier=kept)):
        match event:
            case Calibrated(calibration=calibration):
                found = calibration
            case Progress():
                show_progress(event)
            case Notice(text=text):
                narrate(text)
    show_progress(None)
    assert found is not None
    return found


def as_json(calibration: Calibration) -> str:
    """A calibration as a line of JSON, its proposal and the share that each row reads back with it."""
    rows = [
        {**msgspec.structs.asdict(row), "score": row.score, "control_share": row.control} for row in calibration.rows
    ]
    fields = {**msgspec.structs.asdict(calibration), "rows": rows, "proposal": calibration.proposal}
    return encode_ascii(fields).decode()
