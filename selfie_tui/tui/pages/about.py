"""What there is to know of the loaded model, the verdict of its checks above all."""

from __future__ import annotations

from selfie_tui import text
from selfie_tui.kinds import layers_description, stacks_of
from selfie_tui.records import ModelInfo
from selfie_tui.tui.pages.page import PageScreen
from selfie_tui.tui.render.flow import flow
from selfie_tui.tui.render.styles import Look, Piece, Pieces
from selfie_tui.tui.status import verdict

NAME_CELLS = 12
KINDS = {
    "decoder": "It goes on with the interpretation prompt.",
    "encoder-decoder": "Its encoder reads what stands in [INST]…[/INST], its decoder goes on with what comes after.",
    "encoder": "It fills in mask tokens: the [MASK] of an interpretation prompt, or as many as are asked at its end.",
}
VERIFIED = (
    "On this machine, with this device and number format: a state that is put back where it was read changes nothing; "
    "the lens of the last layer is what the model says; each layer begins where the one before ended; no cell of a "
    "decoder sees later tokens; a batch says what single cells say."
)
NOT_VERIFIED = "Readings of this model may be wrong. They are saved with this verdict."


class AboutScreen(PageScreen):
    """A page about the model."""

    def __init__(self, model: ModelInfo) -> None:
        super().__init__("The model", lambda room, look: about_lines(model, room, look))


def about_lines(model: ModelInfo, room: int, look: Look) -> list[Pieces]:
    """The verdict in full and what it means, then what the model is, one line each."""
    verified = verdict(model, look.prose)
    told = [
        ("name", model.name),
        ("family", f"{model.family} · {model.parameters / 1e6:,.1f} M parameters"),
        ("kind", layers_description(model)),
        *((stack.name, f"embed and L0 to L{stack.layers - 1}") for stack in stacks_of(model)),
        ("states", f"{model.hidden} numbers each"),
        ("words", f"{model.vocabulary:,} tokens in the vocabulary"),
        ("context", f"{model.context:,} tokens" if model.context else "no bound of its own"),
        ("runs on", f"{model.device} · {model.dtype}"),
    ]
    if model.kind == "decoder":
        template = "its template is used for [INST]…[/INST]" if model.chat else "no template: [INST] stands as it is"
        told.append(("chat", template))
    lines = flow([Piece("the hooks are ", "dim"), verified], room)
    lines += [*flow([Piece(VERIFIED if verified.role == "good" else NOT_VERIFIED, "dim")], room), ()]
    for name, value in told:
        first, *more = flow([Piece(look.prose(value))], max(room - NAME_CELLS, 8))
        lines.append((Piece(text.pad(name, NAME_CELLS), "dim"), *first))
        lines += [(Piece(" " * NAME_CELLS), *line) for line in more]
    return [*lines, (), *flow([Piece(KINDS.get(model.kind, ""), "dim")], room)]
