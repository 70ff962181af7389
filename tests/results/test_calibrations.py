"""Kept calibrations: one for each model by its content and each prompt, whole or not there, and never in the way."""

from __future__ import annotations

import math
from pathlib import Path

import msgspec
import pytest

from selfie_tui import calibration_table
from selfie_tui.records import (
    EMBED,
    Calibrated,
    Calibration,
    CalibrationRow,
    Event,
    InjectionSetting,
    JobFinished,
    Notice,
    Preset,
    ReadBack,
)
from selfie_tui.records.calibration import LAST_ROUND, PROCEDURE, added
from selfie_tui.results.calibrations import CalibrationKeeper, kept_calibration, path_of

PRESET = Preset("mine", "say _ \ud800 “so”")
OWN = ReadBack(8, "own", words=8, named=7, longer=2, longer_named=1, control=1, others=2)
NEXT = ReadBack(20, "next", words=6, named=0)
ROWS = (
    CalibrationRow(InjectionSetting(0), (OWN, NEXT), round=LAST_ROUND),
    CalibrationRow(InjectionSetting(EMBED, "blend", 0.5), (msgspec.structs.replace(OWN, named=3),)),
)
FOUND = Calibration(
    preset=PRESET, rows=ROWS, lens=(OWN, NEXT), finished=True, model="m", revision="content:0a1b", procedure=PROCEDURE
)


def kept(folder: Path, found: Calibration = FOUND) -> list[Event]:
    """What a keeper passes on of a calibration that it keeps."""
    passed: list[Event] = []
    CalibrationKeeper(passed.append, folder)(Calibrated(calibration=found))
    return passed


def test_what_is_kept_is_read_back_as_it_was_and_passed_on(tmp_path: Path) -> None:
    assert kept(tmp_path) == [Calibrated(calibration=FOUND)]
    assert kept_calibration(tmp_path, "content:0a1b", PRESET) == FOUND
    (file,) = tmp_path.rglob("*.json")
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.read_bytes().isascii()


def test_what_was_counted_in_another_way_is_not_taken_for_a_calibration(tmp_path: Path) -> None:
    kept(tmp_path, msgspec.structs.replace(FOUND, procedure=PROCEDURE - 1))
    assert kept_calibration(tmp_path, "content:0a1b", PRESET) is None


def test_it_is_kept_of_one_model_one_text_and_one_system_text(tmp_path: Path) -> None:
    kept(tmp_path)
    renamed = msgspec.structs.replace(PRESET, name="another name", source="x")
    assert kept_calibration(tmp_path, "content:0a1b", renamed) == FOUND, "the text counts, not what it is called"
    assert kept_calibration(tmp_path, "content:ffff", PRESET) is None
    assert kept_calibration(tmp_path, "content:0a1b", PRESET, system=False) is None
    for other in (msgspec.structs.replace(PRESET, text="say _"), msgspec.structs.replace(PRESET, placeholder="so")):
        assert kept_calibration(tmp_path, "content:0a1b", other) is None


def test_a_later_one_takes_its_place(tmp_path: Path) -> None:
    kept(tmp_path, msgspec.structs.replace(FOUND, finished=False, rows=ROWS[:1]))
    kept(tmp_path)
    assert kept_calibration(tmp_path, "content:0a1b", PRESET) == FOUND
    assert len(list(tmp_path.rglob("*.json"))) == 1


def test_a_model_in_hand_has_no_name_to_be_found_by(tmp_path: Path) -> None:
    assert kept(tmp_path, msgspec.structs.replace(FOUND, revision=""))
    assert not list(tmp_path.iterdir())
    assert kept_calibration(tmp_path, "", PRESET) is None


@pytest.mark.parametrize("content", [b"", b"{", b'{"preset": 3}', b"\xff"])
def test_a_file_that_cannot_be_read_counts_as_none(tmp_path: Path, content: bytes) -> None:
    kept(tmp_path)
    path_of(tmp_path, "content:0a1b", PRESET).write_bytes(content)
    assert kept_calibration(tmp_path, "content:0a1b", PRESET) is None


def test_a_revision_cannot_lead_out_of_the_folder(tmp_path: Path) -> None:
    assert path_of(tmp_path, "../../x on content:/etc", PRESET).parent.parent == tmp_path


def test_a_disk_that_refuses_is_said_once_and_costs_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "file"
    folder.write_text("in the way")
    passed: list[Event] = []
    keeper = CalibrationKeeper(passed.append, folder)
    for event in (Calibrated(calibration=FOUND), Calibrated(calibration=FOUND), JobFinished(seconds=1.0)):
        keeper(event)
    assert [type(event) for event in passed] == [Calibrated, Notice, Calibrated, JobFinished]
    assert isinstance(passed[1], Notice)
    assert passed[1].text.startswith("The calibration is not kept: ")


# The records ----------------------------------------------------------------------------------------------------------


def test_scores_are_a_mean_over_layers_of_words_of_one_token_and_controls_the_larger_of_two() -> None:
    row = ROWS[0]
    assert (row.words, row.score, row.control) == (14, 7 / 16, 2 / 14)
    bare = ReadBack(EMBED, "own", words=50, named=50, control=50)
    assert CalibrationRow(InjectionSetting(0), (bare, *row.curve)).score == 7 / 16, (
        "the vocabulary itself is no hidden state"
    )
    assert CalibrationRow(InjectionSetting(0), (bare, *row.curve)).control == 2 / 14
    assert math.isnan(CalibrationRow(InjectionSetting(0), ()).score)


def test_a_score_is_of_the_kinds_of_words_that_are_read() -> None:
    row = msgspec.structs.replace(ROWS[0], kinds=("own",))
    assert row.score == 7 / 8
    found = msgspec.structs.replace(FOUND, rows=(row,))
    lines = calibration_table.table(found)
    assert "of own words, as none of the others are read" in lines[2]
    assert lines[5].split()[:3] == ["L0", "replace", ".88"]
    assert lines[6].split()[:3] == ["logit", "lens", ".88"], "of the same words"


def test_where_hardly_a_word_is_one_token_those_of_several_count_as_well() -> None:
    longer_only = CalibrationRow(InjectionSetting(0), (ReadBack(1, "own", words=0, named=0, longer=4, longer_named=1),))
    assert longer_only.score == 0.25
    two = ReadBack(3, "next", words=2, named=2, longer=30)
    assert CalibrationRow(InjectionSetting(0), (two,)).score == 2 / 32, "not 1, of two words that a control names too"


def test_parts_of_the_words_add_up_layer_by_layer() -> None:
    both = added((OWN,), (NEXT, OWN))
    assert both == (ReadBack(8, "own", 16, 14, 4, 2, 2, 4), NEXT)


def test_only_a_finished_calibration_that_reads_something_back_proposes() -> None:
    assert FOUND.proposal == InjectionSetting(0)
    assert msgspec.structs.replace(FOUND, finished=False).proposal is None
    nothing = CalibrationRow(InjectionSetting(0), (ReadBack(1, "own", words=40, named=3),))
    assert msgspec.structs.replace(FOUND, rows=(nothing,)).proposal is None


def test_the_table_has_a_curve_for_each_setting_and_says_what_is_proposed() -> None:
    lines = calibration_table.table(FOUND)
    assert lines[4].split() == ["written", "score", "L8", "L20→", "longer", "control"]
    assert lines[5].split() == ["L0", "replace", ".44", ".88", ".00", ".50", ".14"]
    assert lines[6].split()[:4] == ["embed", "blend", "×", "0.5"]
    assert "~" in lines[6]
    assert lines[7].split() == ["logit", "lens", ".44", ".88", ".00", ".50", "–"]
    assert "--preset mine --inject 0 --mode replace" in calibration_table.summary(FOUND)
    assert "best" not in " ".join([*lines, calibration_table.summary(FOUND)])


def test_a_proposal_whose_control_names_words_says_so() -> None:
    assert "control names words" in calibration_table.summary(FOUND)
