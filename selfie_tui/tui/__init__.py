"""The terminal interface: panes that show records and post requests."""

from __future__ import annotations

import gc
from typing import Any


def run(**options: Any) -> int:
    """Run the program in this terminal until the user leaves it; options and result as for `start.run_app`.

    Nothing of what is imported for the first paint and for the model is ever garbage: collecting meanwhile would cost a
    quarter of the time to the first paint. The app collects again once its first model is there.
    """
    gc.disable()
    from selfie_tui.tui.start import run_app

    return run_app(**options)
