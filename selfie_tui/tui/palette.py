"""What the command palette offers: every action, and every preset, mode, layer, theme and model, by name."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from textual.dom import DOMNode
from textual.widget import Widget
from textual.widgets import ContentSwitcher

from selfie_tui.kinds import stacks_of
from selfie_tui.tui.action import Action
from selfie_tui.tui.actions import all_actions
from selfie_tui.tui.frame_actions import EVERYWHERE
from selfie_tui.tui.host import Host
from selfie_tui.tui.key_words import keys_of
from selfie_tui.tui.pages.palette import Command
from selfie_tui.tui.screens.main import MainScreen


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
