"""The demo model that ships with the package, and the recipe that made it."""

from __future__ import annotations

from selfie_tui.paths import model_path

__all__ = ["model_path"]
