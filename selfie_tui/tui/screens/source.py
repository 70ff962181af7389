"""What is read: the prompt, the stack of the model it runs through, its tokens, layers, and the lens between them."""

from __future__ import annotations

from textual import on
from textual.timer import Timer
from textual.widgets import Input

from selfie_tui.tui.host import Host
from selfie_tui.tui.render.styles import Look
from selfie_tui.tui.screens.panes import PaneScreen
from selfie_tui.tui.state import AppState
from selfie_tui.tui.widgets.layers import LayerList
from selfie_tui.tui.widgets.tokens import TokenStrip

TYPING_PAUSE = 0.08
"""Seconds without a key after which what was typed is looked at."""

STALE = 0.2
"""Seconds for which the lens of the token before may stand while the cursor's own is being read."""

DRAFT_PAUSE = 0.5
"""Seconds without a key after which the draft is saved."""


class SourceScreen(PaneScreen, inherit_bindings=False):
    """The panes, of which those for prompt and layers work together."""

    app: Host

    def __init__(self, work: AppState, device: str, dtype: str) -> None:
        super().__init__(device, dtype)
        self.work = work
        self.tokens_of = ""
        """The prompt whose tokens are shown, "" while those of another stack or model are on their way."""
        self._typing: Timer | None = None
        self._drafting: Timer | None = None
        self._stale: Timer | None = None

    def show_stacks(self) -> None:
        """Show the layers of the stack that is read of another model, and ask for the prompt's tokens there."""
        self.layer_list.show_layers(self.work.layers, self.work.stack)
        self.tokens.forget_stacks(self.work.stack)
        self._ask_anew()

    def turn_to(self, stack: str) -> None:
        """Read another stack of the model."""
        if stack != self.work.stack:
            self.work.stack = stack
            self.layer_list.turn_to(self.work.layers, stack)
            self.tokens.turn_to(stack)
            self._ask_anew()
            self.tell_hints()

    def _ask_anew(self) -> None:
        self.name_stack(self.work.stack)
        self.tokens_of = ""
        self.tokenize()
        self.tell_reads()

    def action_next_stack(self) -> None:
        """Read the other stack of a model that has two."""
        other = self.work.other_stack
        if other is not None:
            self.turn_to(other.name)
        elif self.work.model is not None:
            self.app.tell("This model has one stack of layers, and it is shown.", "information")

    def tell_hints(self) -> None:
        """Write the hint line."""

    @on(Input.Changed, "#prompt-text")
    def prompt_changed(self) -> None:
        """Ask for the new tokens when the typing pauses, and save the draft when it pauses longer."""
        if self._typing is not None:
            self._typing.stop()
        if self._drafting is not None:
            self._drafting.stop()
        self._typing = self.set_timer(TYPING_PAUSE, self.tokenize)
        self._drafting = self.set_timer(DRAFT_PAUSE, self.save_draft)

    def tokenize(self) -> None:
        """Ask for the prompt's tokens, if they are others than those that are shown."""
        prompt = self.prompt_text.value
        if not prompt or prompt != self.tokens_of:
            self.work.tokenize(prompt)

    def save_draft(self) -> None:
        """Keep the prompt for the next start."""
        self.app.remember(draft=self.prompt_text.value)

    @on(TokenStrip.Moved)
    def token_moved(self) -> None:
        """Let the lens follow the token cursor."""
        self.tell_reads()
        self.show_lens()

    def show_lens(self) -> None:
        """Show the lens at the token cursor, now or when it has been read."""
        if self.tokens.tokens and self.tokens_of:
            rows = self.work.lens(self.tokens_of, self.tokens.cursor)
            if rows is not None:
                self.layer_list.show_lens(rows)
            elif self._stale is None:
                self._stale = self.set_timer(STALE, self.blank_stale_lens)

    def blank_stale_lens(self) -> None:
        """Take away a lens of another token when the cursor's own is not there in time."""
        self._stale = None
        if self.tokens.tokens and not self.work.has_lens(self.tokens_of, self.tokens.cursor):
            self.layer_list.show_lens(())

    @on(TokenStrip.Above)
    def to_text(self) -> None:
        """Go up from the tokens to the text."""
        self.set_focus(self.prompt_text)

    @on(LayerList.Marked)
    def layers_marked(self) -> None:
        """Say how much would be read."""
        self.tell_reads()

    @on(LayerList.TokenStep)
    def token_step(self, event: LayerList.TokenStep) -> None:
        """Move the token cursor from the layers."""
        self.tokens.action_step(event.step)

    def tell_reads(self) -> None:
        """Say on the prompt's border what a run would read."""
        self.panes[1].tell_below(reads(self.tokens, self.layer_list, self.app.look))


def reads(tokens: TokenStrip, layers: LayerList, look: Look) -> str:
    """What a run would read: `reads 8 of × 9 layers`, or `… decoder layers` where there are two stacks."""
    positions, read = tokens.read, layers.read
    if not positions or not read:
        return ""
    token = tokens.tokens[positions[0]].text
    one = f"{positions[0]} {look.prose(token).strip() or look.visible(token)}"
    what = one if len(positions) == 1 else f"{len(positions)} tokens"
    whose = f"{layers.stack} " if layers.stack else ""
    return f"reads {what} × {len(read)} {whose}layer{'' if len(read) == 1 else 's'}"
