"""The terminal interface: panes that show records and post requests."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from selfie_tui.tui.options import AppOptions


def run(options: AppOptions) -> int:
    """Run the program in this terminal until the user leaves it; return its exit code.

    Nothing that is imported for the first paint and for the model is ever garbage: collecting meanwhile would take a
    quarter of the time to the first paint. The app turns collection on again once its first model is loaded.
    """
    gc.disable()
    from selfie_tui.tui.start import run_app

    return run_app(options)
