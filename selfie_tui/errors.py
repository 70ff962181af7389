"""Errors of our own: each gives its cause in one line and what to do next."""

from __future__ import annotations


class SelfieError(Exception):
    """An error whose text is meant for the user: `cause` in one line, `remedy` says what to do next."""

    def __init__(self, cause: str, remedy: str = "") -> None:
        super().__init__(f"{cause} {remedy}".strip())
        self.cause = cause
        self.remedy = remedy


class PromptError(SelfieError):
    """A source prompt that cannot be used: empty, or longer than the model's context."""


class PlaceholderError(SelfieError):
    """An interpretation prompt that cannot be used: no placeholder, or one that shares a token with other text."""


class RequestError(SelfieError):
    """A request that asks for what the model does not have: a layer or a position out of range, an unknown mode."""


class LoadError(SelfieError):
    """A model that could not be opened: unknown, gated, without weights, corrupt, too large, of an unsupported kind."""


class Cancelled(Exception):  # noqa: N818 - it is a request being honoured, not an error
    """The user asked to stop."""


LONGEST_SUMMARY = 200


def summary(error: BaseException) -> str:
    """An error's message in one line, or its kind where it has none."""
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    message = error.cause if isinstance(error, SelfieError) else str(error)
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    text = " ".join(lines[:2]).rstrip(".") or type(error).__name__
    return text if len(text) <= LONGEST_SUMMARY else text[: LONGEST_SUMMARY - 1] + "…"
