"""Steered answers as they are written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from selfie_tui.records import GeneratedToken, Steer, Steered, layer_name
from selfie_tui.results.run_kinds.steerings import answers_in
from selfie_tui.results.writers import html
from selfie_tui.results.writers.html import number, row, table
from selfie_tui.results.writers.kinds.kind import Facts, Written
from selfie_tui.results.writers.kinds.steer_table import TABLE, answers_of
from selfie_tui.results.writers.markdown_text import plain
from selfie_tui.results.writers.runs import KeptRun


def asked(run: KeptRun) -> Facts:
    """What was asked of a steering."""
    task, answers = run.began.task, answers_of(run)
    assert isinstance(task, Steer)
    layers = task.layers if answers is None else answers.layers
    where = task.where if task.positions is None else f"tokens {','.join(map(str, task.positions))}"
    yield "vector", task.line
    yield "written", f"{task.mode} · {', '.join(map(layer_name, layers)) or 'its own layers'} · {where}"
    if task.words:
        yield "log odds", f"{', '.join(task.words)} over {', '.join(task.against)}"


def markdown(run: KeptRun) -> Iterator[str]:
    """The plain answer and those of each strength."""
    answers = answers_of(run)
    if answers is None:
        return
    odds = any(each is not None for each in (answers.log_odds, *(each.log_odds for each in answers.steered)))
    yield f"| strength | answer | differs from | states moved by |{' log odds |' if odds else ''}"
    yield f"|---:|---|---|---:|{'---:|' if odds else ''}"
    yield answer_row("plain", answers.plain, None, answers.log_odds, odds)
    for each in answers.steered:
        yield answer_row(f"{each.strength:g}", each.tokens, each, each.log_odds, odds)


def answer_row(
    name: str, tokens: tuple[GeneratedToken, ...], steered: Steered | None, log_odds: float | None, odds: bool
) -> str:
    """An answer as a row, with its log odds where any of them are known."""
    differs = "" if steered is None else "–" if steered.differs_from is None else f"token {steered.differs_from}"
    columns = [
        name,
        plain("".join(token.text for token in tokens)),
        differs,
        "" if steered is None else f"{steered.added:.2f}",
        *(["" if log_odds is None else f"{log_odds:+.2f}"] if odds else []),
    ]
    return f"| {' | '.join(columns)} |"


def page(run: KeptRun) -> Iterator[str]:
    """The plain answer and those of each strength."""
    answers = answers_of(run)
    if answers is None:
        return
    lines = [row(["strength", "answer", "differs from", "states moved by", "log odds"], "th")]
    lines.append(row(["plain", answer(answers.plain), "", "", odds(answers.log_odds)]))
    for each in answers.steered:
        differs = "–" if each.differs_from is None else f"token {each.differs_from}"
        strength = number(f"{each.strength:g}")
        lines.append(row([strength, answer(each.tokens), differs, number(f"{each.added:.2f}"), odds(each.log_odds)]))
    yield from table(lines)


def answer(tokens: Iterable[GeneratedToken]) -> str:
    """An answer as text."""
    return html.plain("".join(token.text for token in tokens))


def odds(value: float | None) -> str:
    """A cell with log odds, empty where they are not known."""
    return number("" if value is None else f"{value:+.2f}")


def texts(run: KeptRun) -> Iterator[tuple[int, str]]:
    """The answers, the plain one first."""
    answers = answers_of(run)
    if answers is not None:
        yield from enumerate("".join(token.text for token in tokens) for tokens in answers_in(answers))


WRITTEN = Written(asked, lambda run: "answered" if run.parts else "no answer", TABLE, markdown, page, texts)
