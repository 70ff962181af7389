"""Pane 3: what the next patching is to be like, in one line; answers are what the model says, or words of one's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

from selfie_tui import text
from selfie_tui.tui.action import Scope
from selfie_tui.tui.actions import bindings
from selfie_tui.tui.render.styles import Piece, Pieces, cells, clipped
from selfie_tui.tui.views.patch import actions as _actions  # noqa: F401 - registers what is bound here
from selfie_tui.tui.views.patch.choices import HEADS, KINDS, METRICS, SITES, Choices
from selfie_tui.tui.views.patch.patches import Patches
from selfie_tui.tui.widgets.lines import Lines

ANSWERS = ("correct", "wrong")
"""Fields that are written, not chosen."""

MOST_ANSWER = 16
"""Cells of an answer."""


class Setting(NamedTuple):
    """A setting: its field, what it does, and what can be chosen for it."""

    field: str
    about: str
    choices: tuple[object, ...] = ()


SETTINGS = (
    Setting("site", "whose activations are written: the stream, what attention or the MLP adds, single heads", SITES),
    Setting("head", "which of the heads' activations; o is a head's share of the attention's output", HEADS),
    Setting("noise", "denoise writes A into B: what is enough; noise writes B into A: what is needed", (False, True)),
    Setting("metric", "what is measured of the answer; 0 is as the target alone, 1 as the source", tuple(METRICS)),
    Setting("kind", "which tokens: prompts of unequal lengths are aligned at their last token", tuple(KINDS)),
    Setting("correct", "the answer to A: enter writes another, ↑ takes what the model says"),
    Setting("wrong", "the answer to B: enter writes another, ↑ takes what the model says"),
)


class PatchSettings(Lines, can_focus=True):
    """The choices, one of which is under the cursor; `changed` is called where another is taken."""

    SCOPES: ClassVar[tuple[Scope, ...]] = ("patch-settings",)
    BINDINGS = bindings("patch-settings")
    DEFAULT_CSS = "PatchSettings { height: 1; }"

    def __init__(self, patches: Patches, id: str | None = None) -> None:
        super().__init__(id=id)
        self.patches = patches
        self.field = "site"
        self.changed: Callable[[], object] = self.refresh
        self.moved: Callable[[], object] = self.refresh
        self.write: Callable[[str], object] = lambda field: None
        """Called to have an answer written."""
        self.run: Callable[[], object] = self.refresh
        self._first = 0

    @property
    def settings(self) -> tuple[Setting, ...]:
        """Those that there are for the choices: q, k, v, o only of heads, two answers only for their difference."""
        choices = self.patches.choices
        needs = {"logit_difference": ANSWERS, "kl": ()}.get(choices.metric, ANSWERS[:1])
        return tuple(
            setting
            for setting in SETTINGS
            if (setting.field != "head" or choices.site == "heads")
            and (setting.field not in ANSWERS or setting.field in needs)
            and (setting.field != "kind" or choices.site != "heads")
        )

    @property
    def here(self) -> Setting:
        """The setting under the cursor."""
        return next((setting for setting in self.settings if setting.field == self.field), self.settings[0])

    def written(self, setting: Setting) -> str:
        """The value of a setting; safe text."""
        choices, prompts = self.patches.choices, self.patches.prompts
        match setting.field:
            case "noise":
                return "noise" if choices.noise else "denoise"
            case "metric":
                return METRICS[choices.metric]
            case "kind":
                return KINDS[choices.kind]
            case "correct" | "wrong":
                said = "" if prompts is None else prompts.correct if setting.field == "correct" else prompts.wrong
                return text.clip(self.look.visible(unquoted(said)) or "?", MOST_ANSWER)
            case _:
                return str(getattr(choices, setting.field))

    def count(self) -> int:
        return 1

    def pieces(self, index: int) -> Pieces:
        settings = self.settings
        at = settings.index(self.here)
        self._first = min(self._first, at)
        while self._first < at and cells(self._line(settings[self._first : at + 1])) > self.size.width - 2:
            self._first += 1
        line = self._line(settings[self._first :])
        return clipped((Piece("·" if self._first else " ", "dim"), *line), self.size.width)

    def _line(self, settings: tuple[Setting, ...]) -> Pieces:
        line: list[Piece] = []
        for setting in settings:
            before = {"wrong": "− ", "correct": "answer "}.get(setting.field, "")
            line.append(Piece(before, "dim"))
            line.append(self._value(setting))
            line.append(Piece(f"{self.patches.choices.direction}  " if setting.field == "noise" else " ", "dim"))
        return tuple(line)

    def _value(self, setting: Setting) -> Piece:
        value = self.written(setting)
        if setting == self.here:
            return Piece(f"‹{value}›", "cursor" if self.has_focus else "strong")
        return Piece(f" {value} ", "strong")

    def description(self) -> str:
        """What the setting under the cursor does."""
        return self.here.about

    # Keys ------------------------------------------------------------------------------------------------------------

    def action_step(self, step: int) -> None:
        """To the setting on the left or right."""
        settings = self.settings
        self.field = settings[max(0, min(settings.index(self.here) + step, len(settings) - 1))].field
        self.refresh()
        self.moved()

    def action_change(self, step: int) -> None:
        """To the choice before or after; an answer is again what the model says."""
        setting, choices = self.here, self.patches.choices
        if setting.field in ANSWERS:
            self.choose(setting.field, "")
            return
        at = setting.choices.index(getattr(choices, setting.field))
        self.choose(setting.field, setting.choices[(at + step) % len(setting.choices)])

    def choose(self, field: str, value: object) -> None:
        """Take a value for a setting."""
        changed: dict[str, Any] = {field: value}
        choices: Choices = self.patches.choices._replace(**changed)
        if choices != self.patches.choices:
            self.patches.choices = choices
            self.changed()

    def action_write(self) -> None:
        """Write the answer under the cursor; elsewhere run."""
        if self.here.field in ANSWERS:
            self.write(self.here.field)
        else:
            self.run()


def unquoted(word: str) -> str:
    """A word without the double quotes that have it taken to the letter."""
    return word[1:-1] if len(word) > 2 and word[0] == word[-1] == '"' else word
