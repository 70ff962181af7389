"""Calibration from Python: its proposal can be given to `interpret`, and it goes on with one that stopped."""

from __future__ import annotations

import msgspec
import pytest

import selfie_tui
from selfie_tui.engine.model import Model
from selfie_tui.errors import RequestError
from selfie_tui.records import EMBED, InjectionSetting


def test_a_proposal_reads_where_the_default_does_not(demo: Model) -> None:
    found = selfie_tui.calibrate(demo, "entity")
    assert found.finished
    proposal = found.proposal
    assert proposal == InjectionSetting(5, "replace-norm")
    stopped = msgspec.structs.replace(found, finished=False, rows=found.rows[:5])
    assert selfie_tui.calibrate(demo, "entity", earlier=stopped).rows[:5] == found.rows[:5]
    asked = {"layers": "embed", "tokens": [2, 7], "preset": "entity", "max_new_tokens": 2}
    texts = [
        selfie_tui.interpret(demo, "A doctor works in a hospital", **asked, **setting.keywords()).interpretations
        for setting in (proposal, InjectionSetting(EMBED))
    ]
    calibrated, default = ([each.text.split()[0].strip(".") if each.text else "" for each in row] for row in texts)
    assert calibrated == ["doctor", "hospital"]
    assert calibrated != default


def test_what_is_no_calibration_or_prompt_is_refused(demo: Model) -> None:
    with pytest.raises(RequestError, match="Expected a calibration"):
        selfie_tui.calibrate(demo, "entity", earlier="yesterday's")  # type: ignore[arg-type]
    with pytest.raises(RequestError, match="Unknown preset"):
        selfie_tui.calibrate(demo, "nonsense")
    with pytest.raises(RequestError, match="system"):
        selfie_tui.calibrate(demo, "entity", system="no")  # type: ignore[arg-type]
