"""What the app keeps for its next start: choices and drafts, presets of one's own, models that could be loaded."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec
from textual.driver import Driver

from selfie_tui import config, paths
from selfie_tui.errors import RequestError
from selfie_tui.preset_files import save_preset
from selfie_tui.presets import RESERVED
from selfie_tui.records import ModelInfo, Preset
from selfie_tui.tui import catalog
from selfie_tui.tui.keyboard import KeyboardApp
from selfie_tui.tui.options import AppOptions


class RememberingApp(KeyboardApp, inherit_bindings=False):
    """An app that begins where the one before it ended."""

    def __init__(self, options: AppOptions, driver_class: type[Driver] | None) -> None:
        # Textual turns colours to grey for NO_COLOR unless they are the terminal's own; those it takes away.
        super().__init__(
            driver_class, ansi_color=True if "NO_COLOR" in os.environ else None, stock_display=options.stock_display
        )
        self.options = options
        self._keep = keep = options.state_dir
        self.memory, problem = config.read_memory(keep / "memory.json") if keep else (config.Memory(), "")
        self._notes = [*options.notes, *([problem] if problem else [])]

    def remember(self, **changes: Any) -> str:
        """Keep something for the next start; a disk that refuses is reported once, by a toast and what is returned."""
        memory = msgspec.structs.replace(self.memory, **changes)
        if memory == self.memory or self._keep is None:
            return ""
        self.memory = memory
        try:
            config.write_memory(self._keep / "memory.json", memory)
        except OSError as error:
            problem = f"Drafts and settings are not kept: {self._keep}: {error.strerror}"
            if problem not in self._notes:
                self._notes.append(problem)
                self.toast(problem, "warning")
                return problem
        return ""

    def cell_size(self, view: str) -> config.CellSize | None:
        """The size of cells that the user chose for a view's map; None where it is left to the screen."""
        return self.memory.cell_sizes.get(view)

    def keep_cell_size(self, view: str, size: config.CellSize) -> None:
        """Keep the size of cells that the user chose for a view's map."""
        self.remember(cell_sizes={**self.memory.cell_sizes, view: size})

    def model_ready(self, model: ModelInfo) -> None:
        """Remember a model that could be loaded."""
        self.remember(recent=self.memory.with_model(model.name).recent)
        self.offer_models()

    def offer_models(self) -> None:
        """Fill the list of models."""
        state = self.main.state
        current = state.loading.name if state.loading else state.model.name if state.model else ""
        cached = catalog.cached_models(paths.hub_cache_dir())
        self.main.models.show_offers(catalog.offers(current, self.memory.recent, cached))
        self.main.models.show_gpus(catalog.gpus(visible=os.environ.get("CUDA_VISIBLE_DEVICES")))

    def tuned_lens(self, model: str) -> str:
        """The folder of the tuned lens that the user's settings have for a model; "" where they have none."""
        return self.options.config.tuned_lenses.get(model, "")

    def save_preset(self, preset: Preset) -> Path:
        """Write a preset to a file of its name."""
        if self.options.user_presets is None:
            raise RequestError("This session keeps no presets.")
        return save_preset(self.options.user_presets, preset, RESERVED)
