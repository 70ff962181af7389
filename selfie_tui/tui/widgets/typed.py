"""Values of settings as they are typed after `:` while the setting is under the cursor."""

from __future__ import annotations

import re
from typing import Any

from selfie_tui.interpret_settings import Bounds
from selfie_tui.modes import MODES
from selfie_tui.setting_values import STOPS
from selfie_tui.settings import Setting
from selfie_tui.tui.go_to import listed

NUMBER = re.compile(r"-?(\d+\.?\d*|\.\d+)")
LAYER = re.compile(r"L?\d+|-\d+|embed", re.IGNORECASE)


def typed_value(setting: Setting, typed: str, bounds: Bounds) -> tuple[Any] | None:
    """The value that is meant, in a tuple; None where this is no value of the setting.

    A preset or a mode is its name, or its number in the list, which is counted from 1.

    Raises:
        RequestError: for a number that is out of range.
    """
    match setting.field:
        case "preset":
            return _chosen({preset.name: preset for preset in bounds.presets}, typed, setting)
        case "mode":
            return _chosen({mode: mode for mode in MODES}, typed, setting)
        case "stop":
            return (STOPS[typed],) if typed in STOPS else None
        case "injection_layer":
            takes = LAYER.fullmatch(typed) is not None
            typed = typed.casefold().replace("l", "")
        case _ if setting.is_switch:
            takes = typed in ("on", "off")
        case _:
            takes = NUMBER.fullmatch(typed) is not None
    return (setting.parse(typed, bounds),) if takes else None


def _chosen(values: dict[str, Any], typed: str, setting: Setting) -> tuple[Any] | None:
    if typed.isdecimal():
        return (list(values.values())[listed(typed, len(values), setting.field)],)
    return (values[typed],) if typed in values else None
