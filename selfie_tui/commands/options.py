"""Options that commands share: the settings of a run from their table, and what becomes of results."""

from __future__ import annotations

import argparse
from pathlib import Path

from selfie_tui.results.writers import ENDINGS
from selfie_tui.settings import SETTINGS, Setting


def add_settings(to: argparse.ArgumentParser) -> None:
    """An option for every setting of a run; each value stays text until it is parsed with the model's bounds."""
    for setting in SETTINGS:
        if setting.is_switch:
            value = setting.text(not setting.default)
            to.add_argument(setting.option, dest=setting.field, action="store_const", const=value, help=setting.help)
        else:
            to.add_argument(setting.option, dest=setting.field, metavar=setting.metavar, help=help_of(setting))


def help_of(setting: Setting) -> str:
    """A setting's help with its choices and its default."""
    choices = f": {', '.join(setting.choices)}" if setting.choices else ""
    return f"{setting.help}{choices} (default: {setting.text(setting.default)})".replace("%", "%%")


def add_output(to: argparse.ArgumentParser) -> None:
    """What becomes of results."""
    to.add_argument("--json", action="store_true", help="one JSON object a line: the entries of a session file")
    add_keeping(to)


def add_keeping(to: argparse.ArgumentParser) -> None:
    """Whether results are kept, and the file that they are exported to."""
    to.add_argument("--no-session", action="store_true", help="do not append results to a session file")
    add_export(to)


def add_export(to: argparse.ArgumentParser) -> None:
    """The file that results are exported to."""
    to.add_argument(
        "--out", metavar="FILE", type=Path, help=f"also write the results to a file; its ending: {' '.join(ENDINGS)}"
    )
    to.add_argument("--overwrite", action="store_true", help="let --out take the place of a file that is there")
