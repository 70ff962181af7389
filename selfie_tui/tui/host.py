"""What screens, views and pages see of the app above them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from selfie_tui.config import CellSize
from selfie_tui.records import ModelInfo, Preset, Severity
from selfie_tui.tui.action import Action
from selfie_tui.tui.exporting import Exportable
from selfie_tui.tui.render.styles import Look
from selfie_tui.tui.terminal.wire import WireApp
from selfie_tui.tui.widgets.field import Field
from selfie_tui.tui.widgets.pane import Pane

Answer = Callable[[str, bool], Awaitable[None]]
"""Does what was asked for with what was typed; the second argument is true where it was refused once, and typed again.

Raises SelfieError for what will not do, which is shown in the line.
"""


class Host(WireApp[None], inherit_bindings=False):
    """The app as what is below it knows it."""

    look: Look
    keymap: Mapping[str, str]
    vectors_dir: Path
    """Where vectors are kept."""
    weights_dir: Path
    """Where weights of a controlled layer are kept."""

    def toast(self, message: str, severity: Severity) -> None:
        """Show a toast."""
        raise NotImplementedError

    def confirm(self, done: str) -> None:
        """Say what the user has just done, where it covers nothing."""
        raise NotImplementedError

    async def carry_out(self, action: Action) -> None:
        """Do an action where it belongs, whatever has the focus."""
        raise NotImplementedError

    def copy_text(self, copied: str, what: str) -> None:
        """Copy to the clipboard of the user's terminal."""
        raise NotImplementedError

    def export(self, exportable: Exportable) -> None:
        """Ask for a file, and write to it."""
        raise NotImplementedError

    def ask_for(self, question: str, proposal: str, answer: Answer) -> None:
        """Ask for a name in a line at the foot of the screen; `answer` is called with it when it is accepted."""
        raise NotImplementedError

    def edit(self, field: Field) -> None:
        """Show a field of the view that is shown, and put the cursor into it."""
        raise NotImplementedError

    def show_prompt(self, prompt: str) -> None:
        """Have this as the prompt, as if it were typed."""
        raise NotImplementedError

    def enter_pane(self, pane: Pane) -> None:
        """Bring a pane of the view that is shown to the front, and focus it."""
        raise NotImplementedError

    def tuned_lens(self, model: str) -> str:
        """The folder of the tuned lens that the user's settings have for a model; "" where they have none."""
        raise NotImplementedError

    def save_preset(self, preset: Preset) -> Path:
        """Write a preset to a file of its name; raises RequestError."""
        raise NotImplementedError

    def remember(self, **changes: Any) -> str:
        """Keep something for the next start; what went wrong, where that has not been said yet."""
        raise NotImplementedError

    def cell_size(self, view: str) -> CellSize | None:
        """The size of cells that the user chose for a view's map; None where it is left to the screen."""
        raise NotImplementedError

    def keep_cell_size(self, view: str, size: CellSize) -> None:
        """Keep the size of cells that the user chose for a view's map."""
        raise NotImplementedError

    def model_ready(self, model: ModelInfo) -> None:
        """Remember a model that could be loaded."""
        raise NotImplementedError

    def first_load_is_over(self) -> None:
        """The first model is there, or has failed to come."""
        raise NotImplementedError

    def offer_models(self) -> None:
        """Fill the list of models."""
        raise NotImplementedError
