"""The README is a promise: its key table, its commands and its examples are the program's own."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
import tomllib
from pathlib import Path

import pytest

from selfie_tui import cli
from selfie_tui.tui import views  # noqa: F401  (registers the views' actions)
from selfie_tui.tui.actions import all_actions
from selfie_tui.tui.key_words import key_table

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


@pytest.fixture(scope="module")
def printed() -> list[list[str]]:
    """The lines that each Python example prints, all run as written, in one namespace."""
    namespace: dict[str, object] = {}
    found = []
    for example in [block for kind, block in BLOCKS if kind == "python"]:
        with contextlib.redirect_stdout(io.StringIO()) as out:
            exec(compile(example, "README.md", "exec"), namespace)
        found.append(out.getvalue().splitlines())
    return found


def test_the_library_example_finds_paris_in_the_late_layers(printed: list[list[str]]) -> None:
    lines = printed[0]
    assert lines[0].startswith("control: ")
    assert "Paris" not in "".join(lines[:3])
    assert "Paris" in lines[-1]


def test_the_token_interpretation_example_shows_prompt_readings_and_control(printed: list[list[str]]) -> None:
    shown, embedding, late, end = printed[1]
    assert shown.count("«·_»") == 5
    assert embedding.startswith("embed  Eiffel -> Eiffel Tower")
    assert late.startswith("6  Eiffel -> Eiffel Tower")
    assert end == "verified | control: the word nothing."


def test_the_vector_example_makes_a_queen_and_tokyo(printed: list[list[str]]) -> None:
    assert printed[2] == ["['queen, a woman who rules a kingdom.', 'Tokyo, the capital of Japan.']"]


def test_the_example_of_several_models_reads_the_same_from_a_module_in_hand(printed: list[list[str]]) -> None:
    by_name, in_hand = printed[3]
    assert by_name == in_hand
    assert by_name.startswith("8 layers: Tokyo, Japan")


def test_the_example_of_helpers_reads_capitals_and_compares_them(printed: list[list[str]]) -> None:
    london, tokyo, similarity = printed[4]
    assert "the capital of England" in london
    assert "the capital of Japan" in tokyo
    assert -1 < float(similarity) < 0.9


def test_the_keymap_example_names_actions_there_are() -> None:
    (example,) = [block for kind, block in BLOCKS if kind == "toml"]
    assert set(tomllib.loads(example)["keymap"]) <= {action.id for action in all_actions()}


def test_what_the_readme_points_to_is_there() -> None:
    for target in re.findall(r"\]\((?!http)([^)]+)\)", README):
        assert (ROOT / target).exists(), target


def test_the_inspecting_example_shows_states_patterns_and_what_an_edit_changes(printed: list[list[str]]) -> None:
    nearest, shapes, answer, read = next(lines for lines in printed if "differs from token" in "".join(lines))
    assert "Paris" in nearest
    assert shapes == "torch.Size([10, 256]) torch.Size([8, 10, 10])"
    assert "Paris" not in answer
    assert answer.endswith("| differs from token 0")
    assert read.strip()


def test_the_steering_example_moves_the_eiffel_tower_and_makes_tokyo(printed: list[list[str]]) -> None:
    steered, made = next(lines for lines in printed if "Tokyo." in lines[0])
    assert steered == " Paris. |  Paris.  Tokyo."
    assert made.startswith("Tokyo, the capital of Japan")


def test_the_control_example_moves_the_eiffel_tower_and_shows_what_it_costs(printed: list[list[str]]) -> None:
    read, answer, other, applied = next(lines for lines in printed if lines[0].startswith("reading"))
    assert "Paris, the capital of France" in read.partition("|")[0]
    assert "Rome, the capital of Italy" in read.partition("|")[2]
    assert answer.startswith("answer  Paris.")
    assert "|  Rome." in answer
    assert other.startswith("answer  Paris. The capital of France is Paris |")
    assert applied.startswith("Rome")


def test_the_patching_example_finds_the_country_at_the_city_and_then_at_the_end(printed: list[list[str]]) -> None:
    first, _, middle, last = next(lines for lines in printed if lines[0].startswith("0  0.00"))
    assert first.split() == ["0", "0.00", "1.00", "0.00", "0.00", "0.00", "0.00"]
    assert middle.split()[-1] == "0.85"
    assert last.split()[-1] == "1.00"


def test_the_path_example_tells_the_direct_way_from_the_one_by_an_mlp(printed: list[list[str]]) -> None:
    lines = next(lines for lines in printed if lines and lines[0].startswith("whole"))
    assert lines == [
        "whole 0.07 0.47 0.08",
        "direct 0.02 0.10 0.06",
        "by MLP 3 0.02 0.15 0.00",
        "MLP 0 to values 0.05 0.29 0.05",
    ]


def test_the_example_of_two_models_finds_two_number_formats_nearly_alike(printed: list[list[str]]) -> None:
    differ, apart = next(lines for lines in printed if "top tokens differ" in "".join(lines))
    count, _, cells, *_ = differ.split()
    assert int(count) <= 2
    assert cells == "81"
    assert apart.startswith("at most 0.000")
