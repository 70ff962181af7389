"""`selfie-tui calibrate` as a user runs it: a table or JSON, kept for the app, gone on with where it stopped."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from selfie_tui import cli, paths
from selfie_tui.engine.loading.load import load
from selfie_tui.engine.methods.calibrate import calibrate
from selfie_tui.engine.model import Model
from selfie_tui.errors import Cancelled
from selfie_tui.presets import preset_called
from selfie_tui.records import Calibrate, Calibrated, Calibration
from selfie_tui.results.calibrations import keep, kept_calibration

Run = Callable[..., tuple[int, str, str]]


@cache
def bundled_model() -> Model:
    return load("demo", device="cpu", dtype="fp32")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """The command with arguments, on the bundled model, with folders of its own: exit code, stdout, stderr."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))

    def load_or_share(name: str, **options: Any) -> Model:
        return bundled_model() if name == "demo" else load(name, **options)

    monkeypatch.setattr("selfie_tui.engine.service.load", load_or_share)

    def run(*arguments: str) -> tuple[int, str, str]:
        return cli.main(["calibrate", *arguments]), *capsys.readouterr()

    return run


def test_it_prints_the_table_and_keeps_what_it_found_for_the_next_time(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, out, _ = run("--preset", "entity")
    assert code == 0
    assert "entity on demo" in out
    assert "embed replace" in out
    assert "Reads back most: --preset entity --inject 5 --mode replace-norm" in out
    kept = kept_calibration(paths.calibrations_dir(), bundled_model().revision, preset_called("entity"))
    assert kept is not None
    assert kept.finished
    monkeypatch.setattr("selfie_tui.commands.calibrate.Calibrate", None)  # to ask for one would fail
    code, out, _ = run("--preset", "entity", "--json")
    (line,) = map(json.loads, out.splitlines())
    assert (code, line["proposal"]) == (0, {"layer": 5, "mode": "replace-norm", "strength": 1.0})
    assert line["revision"].startswith("content:")
    assert line["rows"][0]["score"] == pytest.approx(kept.rows[0].score)
    assert {"curve", "control_share", "round"} <= line["rows"][0].keys()
    assert len(line["lens"]) == len(line["rows"][0]["curve"]) == 5


def stopped_after(rows: int) -> Calibration:
    """What is left of a calibration that was killed once so many rows were there."""
    found: list[Calibration] = []
    events = calibrate(bundled_model(), Calibrate(preset_called("concept")), lambda: len(found) > rows)
    with pytest.raises(Cancelled):
        found.extend(event.calibration for event in events if isinstance(event, Calibrated))
    return found[-1]


def test_one_that_was_killed_goes_on_and_prints_what_it_would_have_printed(run: Run) -> None:
    keep(paths.calibrations_dir(), stopped_after(12))
    _, gone_on, _ = run("--preset", "concept", "--json")
    _, anew, _ = run("--preset", "concept", "--json", "--anew")
    assert gone_on == anew


def test_a_preset_that_the_model_does_not_take_does_not_cost_the_others(run: Run) -> None:
    presets = paths.user_presets_dir()
    presets.mkdir(parents=True)
    (presets / "inside.toml").write_text('text = "cat_hat"')
    keep(paths.calibrations_dir(), stopped_after(12))
    code, out, err = run("--preset", "inside", "--preset", "concept", "--json")
    assert (code, len(out.splitlines())) == (0, 1)
    assert "inside: The interpretation prompt has no placeholder `_` that stands alone." in err
    code, out, _ = run("--preset", "inside")
    assert (code, out) == (2, "")


def test_what_is_wrong_has_its_own_exit_code(run: Run, tmp_path: Path) -> None:
    code, out, err = run("--preset", "nonsense", "--model", str(tmp_path))
    assert (code, out) == (2, "")
    assert "Unknown preset “nonsense”" in err, "refused before a model is loaded"
    assert run("--model", str(tmp_path / "missing"))[0] == 3
