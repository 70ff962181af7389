"""The options that the app is started with, from the command line and the user's folders."""

from __future__ import annotations

from pathlib import Path

import msgspec

from selfie_tui.config import Config
from selfie_tui.records import BlockPaths


class AppOptions(msgspec.Struct, frozen=True):
    """How the app starts. What is None comes from `config`, then from the last start, then from a default."""

    model: str = "demo"
    device: str = "auto"
    dtype: str = "auto"
    layer_paths: BlockPaths = ()
    """The paths of the blocks of the model's stacks, where they are not to be found."""
    prompt: str | None = None
    """The source prompt to begin with; None begins with the last draft."""
    theme: str | None = None
    ascii: bool | None = None
    """Whether to draw with ASCII only; None also asks the terminal."""
    mouse: bool = True
    stock_display: bool = False
    """Whether to draw whole regions, as Textual does, rather than only the cells that changed."""
    session: bool = True
    """Whether results are appended to a session file, where there is a `state_dir`."""
    state_dir: Path | None = None
    """The folder of draft, recent models and sessions; None keeps nothing."""
    user_themes: Path | None = None
    user_presets: Path | None = None
    """The folder of the user's own interpretation prompts; None has none."""
    config: Config = Config()
    notes: tuple[str, ...] = ()
    """Problems from before the start, shown once the app is there."""
