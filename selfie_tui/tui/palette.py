"""The command palette: every action, and every preset, mode, layer, theme and model, by name."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import cast

from textual import on
from textual.command import CommandList, CommandPalette, DiscoveryHit, Hit, Hits, Provider
from textual.content import Content
from textual.dom import DOMNode
from textual.fuzzy import FuzzySearch
from textual.message import Message
from textual.widget import Widget
from textual.widgets import ContentSwitcher, Input, OptionList

from selfie_tui.kinds import stacks_of
from selfie_tui.tui.actions import EVERYWHERE, Action, all_actions, keys_of
from selfie_tui.tui.host import Host
from selfie_tui.tui.screens.main import MainScreen
from selfie_tui.tui.views.view import Command

WORDS_WEIGHT = 0.5
"""How much a match in a command's other words counts, against one in its name."""


class Palette(CommandPalette):
    """Textual's palette, no wider than its lines need, without a blinking cursor."""

    DEFAULT_CSS = """
    Palette { background: transparent; }
    Palette > Vertical { max-width: 80; margin-top: 1; }
    Palette #--results { max-height: 22; }
    Palette.-ascii SearchIcon { display: none; }
    """

    def on_mount(self) -> None:
        """Stop the cursor's timer."""
        self.set_class(cast(Host, self.app).look.ascii, "-ascii")
        self.query_one(Input).cursor_blink = False

    @on(Input.Submitted)
    @on(OptionList.OptionSelected)
    def choose_once(self, event: Message) -> None:
        """Keep what was chosen a second time, before the palette was gone, from closing it once more."""
        if not self.is_current:
            event.stop()
            event.prevent_default()

    def _action_command_list(self, action: str) -> None:
        """Pass an action on to the list of commands, once it has been laid out: before, it does not know its lines."""
        if self.query_one(CommandList).size.height:
            super()._action_command_list(action)


class Commands(Provider):
    """The commands that are available now; their names are shown as they are, never parsed."""

    async def discover(self) -> Hits:
        for command in commands(cast(Host, self.app), cast(MainScreen, self.screen)):
            yield DiscoveryHit(Content(command.name), command.run, text=command.name, help=command.help)

    async def search(self, query: str) -> Hits:
        fuzzy = FuzzySearch()
        for command in commands(cast(Host, self.app), cast(MainScreen, self.screen)):
            score, offsets = fuzzy.match(query, command.name)
            if not score:
                score = WORDS_WEIGHT * fuzzy.match(query, command.words)[0]
            if score:
                name = Content(command.name)
                for offset in offsets:
                    name = name.stylize("bold underline", offset, offset + 1)
                yield Hit(score, name, command.run, text=command.name, help=command.help)


def provider() -> type[Provider]:
    """The provider, for a palette that loads it when it opens."""
    return Commands


def commands(app: Host, main: MainScreen) -> Iterator[Command]:
    """The actions first, then every choice."""
    yield from action_commands(app, main)
    yield from main.view.commands()
    prose = app.look.prose
    for stack in stacks_of(main.state.model) if main.state.model and main.state.other_stack else ():
        yield Command(f"Stack: {stack.name}", "the stack that is read", partial(main.turn_to, stack.name))
    for theme in sorted(app.available_themes):
        yield Command(f"Theme: {prose(theme)}", "colours", partial(setattr, app, "theme", theme))
    for offer in main.models.offers:
        yield Command(f"Model: {prose(offer.name)}", f"load it ({offer.where})", partial(main.load, offer.name))


def action_commands(app: Host, main: MainScreen) -> Iterator[Command]:
    """The actions of the palette that something on the screen can carry out."""
    for action in all_actions():
        if not action.palette or (action.id == "stack.next" and not main.state.other_stack):
            continue
        target = target_of(action, app, main)
        if target is not None:
            name = f"{action.title}  [{' '.join(keys_of(action, app.keymap))}]"
            yield Command(name, action.help, partial(app.run_action, action.handler, target), action.palette)


def target_of(action: Action, app: Host, main: MainScreen) -> DOMNode | None:
    """The node that carries out an action: of its scope, and not in a view that is hidden.

    The app and the main screen come first, then the widget with the focus, then the first one that is displayed. A
    widget whose pane is hidden for lack of space will do, as panes of a narrow terminal take turns.
    """
    if action.scope == "app":
        return app
    if action.scope in EVERYWHERE:
        return main
    nodes = [node for node in main.query("*") if action.scope in getattr(node, "SCOPES", ()) and in_current_view(node)]
    return min(nodes, key=lambda node: (node is not main.focused, not is_displayed(node)), default=None)


def in_current_view(node: Widget) -> bool:
    """Whether every `ContentSwitcher` around a widget shows the part that the widget is in."""
    return all(
        part.id == part.parent.current for part in node.ancestors_with_self if isinstance(part.parent, ContentSwitcher)
    )


def is_displayed(node: Widget) -> bool:
    """Whether a widget and all that it is in are displayed."""
    return all(part.display for part in node.ancestors_with_self if isinstance(part, Widget))
