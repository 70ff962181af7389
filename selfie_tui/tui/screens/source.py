"""What is read: the prompt, the stack of the model it runs through, its tokens, layers, and the lens between them."""

from __future__ import annotations

import time

from textual import on
from textual.timer import Timer
from textual.widgets import Input

from selfie_tui.records import ReadLens
from selfie_tui.tui.changes import Changed
from selfie_tui.tui.render.styles import Look
from selfie_tui.tui.screens.panes import PaneScreen
from selfie_tui.tui.selection import Selection
from selfie_tui.tui.state import AppState
from selfie_tui.tui.status import hand, pair_words, prompt_note
from selfie_tui.tui.views.view import View
from selfie_tui.tui.widgets.field import Field
from selfie_tui.tui.widgets.messages import SelectionChanged, SettingsChanged
from selfie_tui.tui.widgets.pause import Pause
from selfie_tui.tui.widgets.tokens import TokenStrip

TYPING_PAUSE = 0.08
"""Seconds without a key after which what was typed is looked at."""

TOO_FAST = 1 / 15
"""Seconds between two steps of the cursor below which the lens does not follow each of them."""

STALE = 0.2
"""Seconds for which the lens of the token before may stand while the cursor's own is being read."""

DRAFT_PAUSE = 0.5
"""Seconds without a key after which the draft is saved."""


class SourceScreen(PaneScreen, inherit_bindings=False):
    """The frame's own panes, which show the state's selection and change it."""

    def __init__(self, state: AppState, view: View, device: str, dtype: str) -> None:
        super().__init__(state, view, device, dtype)
        self._typing = Pause(self, TYPING_PAUSE, self.tokenize)
        self._drafting = Pause(self, DRAFT_PAUSE, self.save_draft)
        self._stale: Timer | None = None
        self._following: Timer | None = None
        self._stepped = 0.0
        """When the cursor or a mark was changed last."""

    def on_mount(self) -> None:
        """Let the state have the prompt with every key."""
        self.watch(self.prompt_text, "value", self._prompt_typed, init=False)

    def _prompt_typed(self, prompt: str) -> None:
        self.state.prompt = prompt

    def show_source(self, changed: Changed) -> None:
        """Show in the frame's panes what has changed of what is read."""
        if changed.model or changed.stack:
            self.name_stack(self.state.stack)
            self.layer_list.show_layers()
            self.tokenize()
        if changed.tokens:
            self.tokens.show_tokens()
            self.tokens.show_note(prompt_note(self.state))
        if changed.selection:
            self.tokens.show_selection()
            self.layer_list.show_selection()
        if changed.selection or changed.pair:
            self.update_selected()
        if changed.lens:
            self.show_lens()
        elif changed.selection:
            self.follow()
        if isinstance(changed.ended, ReadLens) and not changed.stale:
            self.layer_list.show_lens(())
        if changed.settings:
            self.state.preview()

    # Typing ----------------------------------------------------------------------------------------------------------

    @on(Field.Cut)
    def text_was_cut(self, event: Field.Cut) -> None:
        """Say that not all of a text could be held."""
        self.app.toast(event.text, "warning")

    @on(Input.Changed, "#prompt-text")
    def prompt_changed(self) -> None:
        """Ask for the new tokens when the typing pauses, and save the draft when it pauses longer."""
        self._typing.again()
        self._drafting.again()

    def tokenize(self) -> None:
        """Ask for the prompt's tokens, if they are others than those that are shown."""
        if not self.state.prompt or self.state.prompt != self.state.selection.prompt:
            self.state.tokenize()

    def save_draft(self) -> None:
        """Keep the prompt for the next start."""
        self.app.remember(draft=self.prompt_text.value)

    @on(TokenStrip.Above)
    def to_text(self) -> None:
        """Go up from the tokens to the text."""
        self.edit(self.prompt_text)

    # The lens --------------------------------------------------------------------------------------------------------

    def follow(self) -> None:
        """Let the lens follow the cursor; while steps come faster than it could be looked at, once they pause."""
        now, before = time.monotonic(), self._stepped
        self._stepped = now
        if self._following is not None:
            self._following.stop()
            self._following = None
        if now - before < TOO_FAST:
            self._following = self.set_timer(TOO_FAST, self.show_lens)
        else:
            self.show_lens()

    def show_lens(self) -> None:
        """Show the lens at the token cursor, now or when it has been read."""
        selection = self.state.selection
        if selection.tokens and selection.prompt:
            rows = self.state.lens()
            if rows is not None:
                self.layer_list.show_lens(rows)
                self.layers_pane.retitle()
            elif self._stale is None:
                self._stale = self.set_timer(STALE, self.name_stale_lens)

    def name_stale_lens(self) -> None:
        """Say that the lens is still of another token when the cursor's own is not there in time.

        To take it away, and to draw the new one on blank lines, would send twice as much.
        """
        self._stale = None
        if self.state.selection.tokens and not self.state.has_lens():
            self.layers_pane.retitle("…")

    # What is selected ------------------------------------------------------------------------------------------------

    @on(SelectionChanged)
    def selection_changed(self) -> None:
        """Let all that is on the screen follow the cursor and the marks."""
        self.show(Changed(selection=True))

    @on(SettingsChanged)
    def settings_changed(self) -> None:
        """Let all that is on the screen follow the settings."""
        self.show(Changed(settings=True))

    def show(self, changed: Changed) -> None:
        """Show what has changed."""
        self.show_source(changed)

    def update_selected(self) -> None:
        """Write on the prompt's border what a run would read, and the cursor's cell into the view bar."""
        selection, look = self.state.selection, self.app.look
        self.prompt_pane.update_subtitle(selected(selection, look) if self.view.JOB == View.JOB else "")
        self.view_bar.show_hand(hand(selection, look, pair_words(self.state)))


def selected(selection: Selection, look: Look) -> str:
    """What a run would read: `reads this token × 9 layers`, `reads token 9 “of” × 9 layers`, `reads 7 marked cells`.

    The layers go with the name of their stack where there are two. The token under the cursor goes without its name,
    which the hand has: each step of the cursor would send it again.
    """
    if selection.marked_cells:
        return f"reads {len(selection.marked_cells)} marked cells"
    positions, layers = selection.positions, selection.selected_layers
    if not positions or not layers:
        return ""
    token = selection.tokens[positions[0]].text
    one = f"token {positions[0]} “{look.prose(token).strip() or look.visible(token)}”"
    what = f"{len(positions)} tokens" if len(positions) > 1 else one if selection.marked_positions else "this token"
    whose = f"{selection.stack} " if selection.stack else ""
    return f"reads {what} × {len(layers)} {whose}layer{'' if len(layers) == 1 else 's'}"
