"""The page about the loaded model: the verdict of its checks first, then its facts."""

from __future__ import annotations

from selfie_tui import text
from selfie_tui.kinds import layers_description, stacks_of
from selfie_tui.records import ModelInfo, StackInfo
from selfie_tui.tui.pages.page import PageScreen
from selfie_tui.tui.render.flow import flow
from selfie_tui.tui.render.styles import Look, Piece, Pieces
from selfie_tui.tui.status import verdict

NAME_CELLS = 12
KINDS = {
    "decoder": "It continues the interpretation prompt.",
    "encoder-decoder": "Its encoder reads what is between [INST] and [/INST], its decoder continues what comes after.",
    "encoder": "It fills in mask tokens: each [MASK] of an interpretation prompt, or as many as are set at its end.",
}
VERIFIED = (
    "On this machine, with this device and dtype: writing a state back where it was read changes nothing; the logit "
    "lens at the last layer gives the model's own output; each layer's input is the output of the layer before; no "
    "cell of a decoder depends on later tokens; a batch decodes what single cells decode."
)
NOT_VERIFIED = "Interpretations by this model may be wrong. They are saved with this verdict."


class AboutScreen(PageScreen):
    """A page about the model."""

    def __init__(self, model: ModelInfo) -> None:
        super().__init__("The model", lambda width, look: about_lines(model, width, look))


def layers_in(stack: StackInfo) -> str:
    """The layers of a stack, and which blocks of the model are none of them."""
    skipped = f", without {', '.join(stack.skipped)}" if stack.skipped else ""
    return f"embed and L0 to L{stack.layers - 1}{skipped}"


def about_lines(model: ModelInfo, width: int, look: Look) -> list[Pieces]:
    """The verdict in full and what it means, then the model's facts, one line each."""
    verified = verdict(model, look.prose)
    facts = [
        ("name", model.name),
        *([("adapter", f"{model.adapter} on {model.base}")] if model.adapter else []),
        ("family", f"{model.family} · {model.parameters / 1e6:,.1f} M parameters"),
        *([("revision", model.revision)] if model.revision else []),
        ("kind", layers_description(model)),
        *((stack.name, layers_in(stack)) for stack in stacks_of(model)),
        ("states", f"{model.hidden} numbers each"),
        ("vocabulary", f"{model.vocabulary:,} tokens"),
        ("context", f"{model.context:,} tokens" if model.context else "no limit of its own"),
        ("runs on", f"{model.device} · {model.dtype}"),
    ]
    if model.kind == "decoder":
        template = "its template is used for [INST]…[/INST]" if model.chat else "no template: [INST] stays as it is"
        facts.append(("chat", template))
    lines = flow([Piece("the verdict: ", "dim"), verified], width)
    lines += [*flow([Piece(VERIFIED if verified.role == "good" else NOT_VERIFIED, "dim")], width), ()]
    for name, value in facts:
        first, *more = flow([Piece(look.prose(value))], max(width - NAME_CELLS, 8))
        lines.append((Piece(text.pad(name, NAME_CELLS), "dim"), *first))
        lines += [(Piece(" " * NAME_CELLS), *line) for line in more]
    return [*lines, (), *flow([Piece(KINDS.get(model.kind, ""), "dim")], width)]
