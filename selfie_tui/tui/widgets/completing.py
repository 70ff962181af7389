"""A field whose text is completed by a key, and what a completion makes of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from selfie_tui.tui.widgets.field import Field


class CompletingField(Field):
    """A field that is accepted by a key of its own, and completed by what is `offered` for what stands in it."""

    def __init__(self, *, placeholder: str, id: str) -> None:
        super().__init__(placeholder=placeholder, id=id, classes="-hidden")
        self.accepted: Callable[[], object] = tuple
        """Takes what is typed."""
        self._typed = self._completed = ""

    def offered(self, typed: str) -> tuple[str, ...]:
        """The lines that may be meant by the beginning of one."""
        raise NotImplementedError

    def action_accept(self) -> None:
        """Have what is typed taken."""
        self.accepted()

    def action_complete(self) -> None:
        """Complete what is typed; again, by the next of what may be meant."""
        if self.value != self._completed:
            self._typed = self.value
        self._completed = completed(self.value, self.offered(self._typed))
        self.value = self._completed
        self.cursor_position = len(self.value)


def completed(typed: str, offered: Sequence[str]) -> str:
    """The line after a completion: as far as all that is offered goes on, or the next one of them."""
    if not offered:
        return typed
    common = _common(offered)
    if len(common) > len(typed):
        return common
    return offered[(offered.index(typed) + 1) % len(offered)] if typed in offered else offered[0]


def _common(lines: Sequence[str]) -> str:
    shortest, longest = min(lines), max(lines)
    length = next((at for at, (one, other) in enumerate(zip(shortest, longest, strict=False)) if one != other), None)
    return shortest[:length] if length is not None else shortest
