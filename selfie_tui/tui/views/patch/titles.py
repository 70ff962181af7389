"""What stands on the borders of the maps, and in words where there is no map."""

from __future__ import annotations

from collections.abc import Iterable

from selfie_tui import text
from selfie_tui.records import Token
from selfie_tui.tui.render.styles import Look
from selfie_tui.tui.views.patch.choices import CHANGES, METRICS
from selfie_tui.tui.views.patch.map import PatchMap
from selfie_tui.tui.views.patch.patches import Patches
from selfie_tui.tui.views.patch.patching import Patching
from selfie_tui.tui.views.patch.scores import number
from selfie_tui.tui.views.patch.source import Measure

NAMES: dict[Measure, str] = {"patching": "Patching", "attribution": "Attribution", "change": "Change"}
SCALE = "−1 ▽ … ▁ 0 … █ 1"


def token_name(token: Token, look: Look) -> str:
    """`9 of`: a token with its position; safe text."""
    return f"{token.position} {look.prose(token.text).strip() or look.visible(token.text)}"


def site_name(patches: Patches, look: Look) -> str:
    """`resid`, `heads q at 9 of`."""
    choices, tokens = patches.choices, patches.state.selection.tokens
    if choices.site != "heads":
        return choices.site
    at = patches.position
    return f"heads {choices.head}{f' at {token_name(tokens[at], look)}' if at < len(tokens) else ''}"


def title(patches: Patches, measure: Measure, look: Look, *, alone: bool) -> str:
    """`Patching · resid · A → B`, with when it was made, where it was kept; `alone`, how the other map is had."""
    choices, shown = patches.choices, patches.here
    name = CHANGES[choices.metric] if measure == "change" else NAMES[measure]
    parts = [name, site_name(patches, look)]
    if measure == "attribution":
        parts.append("one backward")
    else:
        parts += [choices.direction, METRICS[choices.metric]]
    if shown is not None and shown.origin:
        parts.append(shown.origin)
    if alone and choices.site != "heads" and measure == "patching":
        parts.append("c: attribution")
    return " · ".join(parts)


def progress(shown: Patching | None) -> str:
    """How far a patching is: `12 of 48`, `cancelled · 12 of 48`; nothing where all of it is there."""
    if shown is None or shown.is_whole or not shown.sites:
        return ""
    done = f"{shown.done:,} of {shown.sites:,}"
    return f"{shown.state} · {done}" if shown.state in ("cancelled", "failed") else done


def agreement(shown: Patching | None) -> str:
    """`attribution predicts .94 of the rank order (12 checked)`."""
    known = shown.agreement() if shown is not None and shown.estimates else None
    if shown is None or known is None:
        return ""
    return f"attribution predicts {number(known)} of the rank order ({shown.done:,} checked)"


def border(map: PatchMap, shown: Patching | None, measure: Measure, width: int, *, alone: bool) -> str:
    """As much as fits of the scale, how far it is, how well the attribution fits, and what is in sight."""
    extent = map.extent()
    if measure == "attribution":
        agreed = agreement(shown)
        shorter = agreed.replace(" the rank", " rank")
        shortest = shorter.replace("attribution predicts ", "")
        versions = [(agreed, extent if alone else ""), (agreed,), (shorter,), (shortest,)]
        return first_that_fits(versions, width)
    how, not_run = progress(shown), "· × not run"
    versions = [(f"{SCALE} {not_run}", how, extent), (SCALE, how, extent), (how, extent), (how or extent,)]
    return first_that_fits(versions, width)


def first_that_fits(versions: Iterable[tuple[str, ...]], width: int) -> str:
    """The parts of the first version that is no wider, side by side; else the last one's."""
    joined = [" ── ".join(part for part in version if part) for version in versions]
    return next((line for line in joined if text.width(line) <= width), text.clip(joined[-1], max(width, 0)))


def unequal_words(patches: Patches, look: Look, edit: str, settings: str) -> str:
    """`15 and 16 tokens: 9 ·John | 9 ·Mar 10 y`, and what to do; safe text."""
    pair = patches.state.pair
    one, other = (pair.tokens if pair else ()), patches.state.selection.tokens
    both = zip(one, other, strict=False)
    first = next((at for at, (a, b) in enumerate(both) if a.id != b.id), min(len(one), len(other)))
    sides = (" ".join(f"{token.position} {look.visible(token.text)}" for token in side[first : first + 4]) or "–"
             for side in (one, other))  # fmt: skip
    return (
        f"{len(one):,} and {len(other):,} tokens, of which the first that differ are {' | '.join(sides)}\n"
        "Patching goes token by token, so that both prompts need equally many.\n"
        f"Edit one ({edit}; the source in pane 2), or take “last token” as position ({settings})."
    )
