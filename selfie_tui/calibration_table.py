"""A calibration as lines of text: the table of its settings, the lens beside them, and what is proposed."""

from __future__ import annotations

import math

from selfie_tui.records import EMBED, Calibration, CalibrationRow, layer_name
from selfie_tui.records.calibration import KINDS, LAST_ROUND, Curve, Kind, ReadBack, share_of

SETTING_CELLS = 22
COLUMN_CELLS = 6
PASSABLE_CONTROL = 0.05
"""Share of words that the control may name before it is said."""
WORDS_OF: dict[Kind, str] = {"own": "own words", "next": "next words"}


def table(calibration: Calibration) -> list[str]:
    """Lines: what was tried, a head, a row for each setting with its curve over depths, the lens."""
    curve = calibration.lens
    return [
        f"{calibration.preset.name} on {calibration.model}: share of words read back, by the layer of their states",
        f"{words_tried(curve)}; ~ not on all of them",
        f"{scored(calibration)}; →: the word that the model puts next",
        "",
        head(curve),
        *(table_row(row, curve) for row in calibration.rows),
        lens_row(calibration),
    ]


def words_tried(curve: Curve) -> str:
    """How many words the whole calibration tries."""
    longer = sum(each.longer for each in curve)
    apart = f", {longer} of several tokens apart" if longer else ""
    return f"{sum(each.words for each in curve)} words of one token{apart}"


def scored(calibration: Calibration) -> str:
    """What the score is a mean over."""
    kinds = calibration.best.kinds if calibration.best else KINDS
    if kinds == KINDS:
        return "score: a mean over the layers but embed"
    return f"score: a mean over the layers but embed of {WORDS_OF[kinds[0]]}, as none of the others are read"


def head(curve: Curve) -> str:
    """The names of the columns."""
    names = "".join(f"{column_name(each):>{COLUMN_CELLS}}" for each in curve)
    return f"{'written':<{SETTING_CELLS}}{'score':>{COLUMN_CELLS}}{names}{longer_cell('longer', curve)}{'control':>8}"


def column_name(each: ReadBack) -> str:
    """`L8`, or of states whose word is the next one `L20→`."""
    return f"{layer_name(each.layer)}{'→' if each.kind == 'next' else ''}"


def longer_cell(text: str, columns: Curve) -> str:
    """The column of longer words, where there are any."""
    return f"{text:>7}" if any(each.longer for each in columns) else ""


def table_row(row: CalibrationRow, columns: Curve) -> str:
    """The row of a setting; one that was not tried on all words is marked."""
    mark = " ~" if row.round < LAST_ROUND else ""
    return line(f"{row.setting}{mark}", row.score, row.curve, columns, row.control)


def lens_row(calibration: Calibration) -> str:
    """The logit lens beside the settings: how many words are its top token."""
    curve, kinds = calibration.lens, calibration.best.kinds if calibration.best else KINDS
    score = share_of(tuple(each for each in curve if each.layer != EMBED and each.kind in kinds))
    return line("logit lens", score, curve, curve, math.nan)


def line(name: str, score: float, curve: Curve, columns: Curve, control: float) -> str:
    """A name and its shares in the columns."""
    by_layer = {column_key(each): each for each in curve}
    cells = [share(by_layer[key].share) if (key := column_key(each)) in by_layer else "" for each in columns]
    longer = sum(each.longer for each in curve)
    named = sum(each.longer_named for each in curve)
    apart = longer_cell(share(named / longer if longer else math.nan), columns)
    shares = "".join(f"{cell:>{COLUMN_CELLS}}" for cell in [share(score), *cells])
    return f"{name:<{SETTING_CELLS}}{shares}{apart}{share(control):>8}"


def column_key(each: ReadBack) -> tuple[str, str, int]:
    """What a column is of: whose word, in which stack, at which layer."""
    return each.kind, each.stack, each.layer


def share(value: float) -> str:
    """`.92`, `1.0`, and `–` where there is nothing to take a share of."""
    if math.isnan(value):
        return "–"
    return f"{value:.2f}"[1:] if value < 0.995 else "1.0"


def curve_text(row: CalibrationRow) -> str:
    """The curve of a row in a few cells: own words, then next ones: `.92 .85 .60 | .30 .10`."""
    own, following = (
        " ".join(share(each.share if each.words else each.longer_share) for each in row.curve if each.kind == kind)
        for kind in ("own", "next")
    )
    return " | ".join(part for part in (own, following) if part)


def summary(calibration: Calibration) -> str:
    """What is proposed, and how to ask for it; why nothing is, where that is so."""
    proposal, best = calibration.proposal, calibration.best
    if best is None or not calibration.finished:
        return "Not finished: the same again goes on from here."
    if proposal is None:
        return f"Nothing is proposed: no setting reads back enough of the words with {calibration.preset.name}."
    strength = "" if proposal.strength == 1 else f" --strength {proposal.strength:g}"
    inject = "embed" if proposal.layer < 0 else proposal.layer
    asked = f"--preset {calibration.preset.name} --inject {inject} --mode {proposal.mode}{strength}"
    warning = " Its control names words too." if best.control > PASSABLE_CONTROL else ""
    return f"Reads back most: {asked}.{warning} It says nothing of how well hidden attributes are named."
