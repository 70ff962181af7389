"""The command palette: every action, and every preset, mode, layer, theme and model, by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple, cast

import msgspec
from textual.command import CommandPalette, DiscoveryHit, Hit, Hits, Provider
from textual.content import Content
from textual.fuzzy import FuzzySearch
from textual.widgets import Input

from selfie_tui.kinds import stacks_of
from selfie_tui.modes import MODES
from selfie_tui.records import EMBED, layer_name
from selfie_tui.tui.actions import ACTIONS, Action, keys_of
from selfie_tui.tui.host import Host
from selfie_tui.tui.screens.main import MainScreen

PLACES = {"main": "main", "app": "app", "log": "log_view"}
"""Where the actions that the palette offers are done: attributes of the main screen, or the app itself."""


class Command(NamedTuple):
    """Something to offer; `name` is any safe text, `help` only our own, since the palette parses it as markup."""

    name: str
    help: str
    do: Callable[[], object]


class Palette(CommandPalette):
    """Textual's palette, no wider than its lines need, without a blinking cursor."""

    DEFAULT_CSS = """
    Palette { background: transparent; }
    Palette > Vertical { max-width: 100; margin-top: 1; }
    Palette.-ascii SearchIcon { display: none; }
    """

    def on_mount(self) -> None:
        """Stop the cursor's timer."""
        self.set_class(cast(Host, self.app).look.ascii, "-ascii")
        self.query_one(Input).cursor_blink = False


class Commands(Provider):
    """What there is to do now; the names are written as they are, never parsed."""

    async def discover(self) -> Hits:
        for command in commands(cast(Host, self.app), cast(MainScreen, self.screen)):
            yield DiscoveryHit(Content(command.name), command.do, text=command.name, help=command.help)

    async def search(self, query: str) -> Hits:
        fuzzy = FuzzySearch()
        for command in commands(cast(Host, self.app), cast(MainScreen, self.screen)):
            score, places = fuzzy.match(query, command.name)
            if score > 0:
                shown = Content(command.name)
                for place in places:
                    shown = shown.stylize("bold underline", place, place + 1)
                yield Hit(score, shown, command.do, text=command.name, help=command.help)


def provider() -> type[Provider]:
    """The provider, for a palette that loads it when it opens."""
    return Commands


def commands(app: Host, main: MainScreen) -> Iterator[Command]:
    """Actions first, then what can be chosen."""
    work = main.work
    for action in ACTIONS:
        if action.palette and (action.id != "stack.next" or work.other_stack):
            keys = " ".join(keys_of(action, app.keymap))
            yield Command(f"{action.title}  [{keys}]", action.help, partial(_do, app, main, action))
    asked, bounds = main.settings.values, main.settings.bounds
    change = partial(msgspec.structs.replace, asked)
    look = app.look
    prose = look.prose
    for preset in bounds.presets:
        told = "the interpretation prompt"
        yield Command(f"Preset: {prose(preset.name)}", told, partial(main.ask, change(preset=preset)))
    for mode in MODES.values():
        yield Command(f"Mode: {mode.name}", look.glyphs(mode.formula), partial(main.ask, change(mode=mode.name)))
    for layer in range(EMBED, bounds.blocks):
        told = "the layer that is written to"
        yield Command(f"Inject at: {layer_name(layer)}", told, partial(main.ask, change(injection_layer=layer)))
    for stack in stacks_of(work.model) if work.model and work.other_stack else ():
        yield Command(f"Stack: {stack.name}", "the stack that is read", partial(main.turn_to, stack.name))
    for theme in sorted(app.available_themes):
        yield Command(f"Theme: {prose(theme)}", "colours", partial(setattr, app, "theme", theme))
    for offer in main.models.offers:
        yield Command(f"Model: {prose(offer.name)}", f"load it ({offer.where})", partial(main.load, offer.name))


async def _do(app: Host, main: MainScreen, action: Action) -> None:
    """Do an action where it belongs, whatever has the focus."""
    place = PLACES[action.scope]
    namespace = app if place == "app" else main if place == "main" else getattr(main, place)
    await app.run_action(action.handler, default_namespace=namespace)
