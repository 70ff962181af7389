"""The demo model that ships with the package, and the recipe that made it."""

from __future__ import annotations

from pathlib import Path


def model_path() -> Path:
    """The folder of the shipped model, in the standard Hugging Face layout."""
    return Path(__file__).parent / "model"
