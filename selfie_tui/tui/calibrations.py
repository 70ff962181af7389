"""The calibrations of the models of this session: those that were kept, and what has been found since."""

from __future__ import annotations

from pathlib import Path

from selfie_tui.records import Calibration, ModelInfo, Preset
from selfie_tui.results.calibrations import kept_calibration

Key = tuple[str, str, str, str, bool]
"""A model by name and revision, the text and the placeholder of a prompt, whether a template keeps its system text."""


class Calibrations:
    """Calibrations by model and prompt, each read once from the `folder` that they are kept in; None keeps nothing."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._known: dict[Key, Calibration | None] = {}

    def of(self, model: ModelInfo, preset: Preset, system: bool) -> Calibration | None:
        """What is known of a prompt on a model, finished or not; None where nothing is."""
        key = (model.name, model.revision, preset.text, preset.placeholder, system)
        if key not in self._known:
            folder = self._folder
            kept = None if folder is None else kept_calibration(folder, model.revision, preset, system)
            self._known[key] = kept
        return self._known[key]

    def take(self, found: Calibration) -> None:
        """Take what has been found so far."""
        preset = found.preset
        self._known[found.model, found.revision, preset.text, preset.placeholder, found.system] = found
