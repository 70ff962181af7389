"""The README is a promise: its key table, its commands and its example are the program's own."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path

import pytest

from selfie_tui import cli
from selfie_tui.tui.actions import ACTIONS, key_table

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, re.DOTALL)


def test_the_key_table_is_the_registrys() -> None:
    between = re.search(r"<!-- keys -->\n(.*)\n<!-- /keys -->", README, re.DOTALL)
    assert between
    assert between[1].strip() == key_table().strip()


@pytest.mark.parametrize(
    "line", [line for _, block in BLOCKS for line in block.splitlines() if line[:11] == "selfie-tui "]
)
def test_every_command_is_one_that_the_command_line_takes(line: str) -> None:
    assert cli.parser().parse_args(shlex.split(line, comments=True)[1:])


def test_the_library_example_runs_as_written(capsys: pytest.CaptureFixture[str]) -> None:
    (example,) = [block for kind, block in BLOCKS if kind == "python"]
    exec(compile(example, "README.md", "exec"), {})
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith("control: ")
    assert "Paris" not in "".join(printed[:3])
    assert "Paris" in printed[-1]


def test_the_keymap_example_names_actions_there_are() -> None:
    (example,) = [block for kind, block in BLOCKS if kind == "toml"]
    assert set(tomllib.loads(example)["keymap"]) <= {action.id for action in ACTIONS}


def test_what_the_readme_points_to_is_there() -> None:
    for target in re.findall(r"\]\((?!http)([^)]+)\)", README):
        assert (ROOT / target).exists(), target
