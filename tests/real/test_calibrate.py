"""Calibration of a published model: what it proposes holds on words that it has not seen, with controls beside it."""

from __future__ import annotations

import pytest

from selfie_tui.engine.methods.calibrate import calibrate
from selfie_tui.engine.model import Model
from selfie_tui.presets import preset_called
from selfie_tui.records import EMBED, Calibrate, Calibrated, InjectionSetting
from tests.engine.held_out import held_out_words, sweep

pytestmark = pytest.mark.real


def test_the_identity_prompts_proposal_reads_unseen_words_as_the_best_of_others_does(smollm2: Model) -> None:
    """Of the six settings that read most of the words that it has seen."""
    identity = preset_called("identity")
    events = calibrate(smollm2, Calibrate(identity))
    found = [event.calibration for event in events if isinstance(event, Calibrated)][-1]
    best = found.rows[0]
    assert found.proposal is not None
    assert found.proposal.layer != EMBED
    assert [each.layer for each in best.curve] == [EMBED, 8, 14, 20, 26]
    assert best.score > next(row.score for row in found.rows if row.setting.layer == EMBED)
    settings = [row.setting for row in found.rows[:6]]
    rows = sweep(smollm2, identity, settings, held_out_words(smollm2))
    assert rows[found.proposal].score >= 0.9 * max(row.score for row in rows.values())
    assert rows[found.proposal].control <= 0.05


def test_the_arrow_behind_the_placeholder_has_the_model_read_from_embed(smollm2: Model) -> None:
    known = held_out_words(smollm2)
    default = [InjectionSetting(EMBED)]
    (plain,) = sweep(smollm2, preset_called("identity"), default, known).values()
    (arrow,) = sweep(smollm2, preset_called("identity-arrow"), default, known).values()
    assert arrow.score > 1.2 * plain.score
    assert arrow.control <= 0.05
