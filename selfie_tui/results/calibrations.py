"""Calibrations that are kept: one file for each model, by the hash of its content, and interpretation prompt.

A model without a revision, which is one in hand, has no name that another program would find it by: nothing is kept.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path

from msgspec import DecodeError

from selfie_tui.ascii_json import decode_json, encode_ascii
from selfie_tui.paths import make_private, replacing
from selfie_tui.records import Calibrated, Calibration, Event, Notice, Preset
from selfie_tui.records.calibration import PROCEDURE

DIGITS = 16


def path_of(folder: Path, revision: str, preset: Preset, system: bool = True) -> Path:
    """The file of a model's calibration for a prompt, with or without the chat template's own system text."""
    asked = hashlib.sha256(f"{preset.placeholder}\0{preset.text}\0{system}".encode("utf-8", "surrogatepass"))
    model = re.sub(r"[^0-9A-Za-z]+", "-", revision)
    return folder / model / f"{asked.hexdigest()[:DIGITS]}.json"


def kept_calibration(folder: Path, revision: str, preset: Preset, system: bool = True) -> Calibration | None:
    """What is kept of a prompt on a model, finished or not; None where there is nothing readable of this procedure."""
    if not revision:
        return None
    try:
        found = decode_json(path_of(folder, revision, preset, system).read_bytes(), Calibration)
    except (OSError, DecodeError):
        return None
    return found if found.procedure == PROCEDURE else None


def keep(folder: Path, calibration: Calibration) -> None:
    """Write a calibration in place of the one before; raises OSError."""
    if not calibration.revision:
        return
    path = path_of(folder, calibration.revision, calibration.preset, calibration.system)
    make_private(path.parent)
    with replacing(path, 0o600) as fresh:
        fresh.write_bytes(encode_ascii(calibration))


class CalibrationKeeper:
    """Takes every event of the job thread, keeps the calibrations among them in a folder, and passes it on.

    `folder=None` keeps nothing. That a disk refuses is said once.
    """

    def __init__(self, then: Callable[[Event], object], folder: Path | None) -> None:
        self._then = then
        self._folder = folder

    def __call__(self, event: Event) -> None:
        """Keep what there is to keep of an event, and pass it on."""
        problem = self._keep(event.calibration) if isinstance(event, Calibrated) else ""
        self._then(event)
        if problem:
            self._then(Notice(text=problem, severity="warning"))

    def _keep(self, calibration: Calibration) -> str:
        if self._folder is None:
            return ""
        try:
            keep(self._folder, calibration)
        except OSError as error:
            problem = f"The calibration is not kept: {self._folder}: {error.strerror}"
            self._folder = None
            return problem
        return ""
