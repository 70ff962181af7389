"""What a fake engine says of modules: a model of Llama's kind, whose values can be foreseen."""

from __future__ import annotations

from collections.abc import Iterator

from selfie_tui.errors import RequestError
from selfie_tui.records import (
    Answer,
    AnswersSoFar,
    AttentionRead,
    Edit,
    Event,
    GeneratedToken,
    HeadPattern,
    LensToken,
    ModuleNode,
    ModulesRead,
    Peek,
    Peeked,
    PeekSteps,
    ReadAttention,
    StepPeeked,
    Token,
    Values,
)

HIDDEN = 256
PARTS = (
    ("", "LlamaDecoderLayer", ()),
    ("self_attn", "LlamaAttention", ()),
    ("self_attn.q_proj", "Linear", (HIDDEN, HIDDEN)),
    ("self_attn.o_proj", "Linear", (HIDDEN, HIDDEN)),
    ("mlp", "LlamaMLP", ()),
    ("mlp.down_proj", "Linear", (HIDDEN, 1024)),
)
PLAIN = (" Paris", ",", " France", ".")
EDITED = (" London", ",", " the", " capital")
HEADS = 9


def nodes(blocks: int, *, loaded: bool = True) -> tuple[ModuleNode, ...]:
    """The modules of a model of so many equal blocks, of which the first one's parts are given."""
    first = [
        ModuleNode(
            f"model.layers.0.{part}".rstrip("."),
            kind,
            100,
            shape,
            f"{shape[1]} → {shape[0]}" if shape else "",
            layer=0 if loaded else None,
        )
        for part, kind, shape in PARTS
    ]
    others = [
        ModuleNode(
            f"model.layers.{layer}",
            "LlamaDecoderLayer",
            100,
            like="model.layers.0",
            layer=layer if loaded else None,
        )
        for layer in range(1, blocks)
    ]
    return (
        ModuleNode("", "LlamaForCausalLM", 134_500_000, note="134.5 M"),
        ModuleNode("model", "LlamaModel", 134_500_000, note="134.5 M"),
        ModuleNode("model.embed_tokens", "Embedding", 100, (4096, HIDDEN), f"4096 × {HIDDEN}"),
        ModuleNode("model.layers", "ModuleList", 100),
        *first,
        *others,
        ModuleNode("model.norm", "LlamaRMSNorm", 100, (HIDDEN,), f"{HIDDEN}"),
        ModuleNode("lm_head", "Linear", 100, (4096, HIDDEN), f"{HIDDEN} → 4096"),
    )


def modules_read(model: str, blocks: int, *, loaded: bool) -> ModulesRead:
    return ModulesRead(model=model, nodes=nodes(blocks, loaded=loaded))


def values(number: float) -> Values:
    return Values(number, number / 1000, number / 100, number / 7)


def peeked(task: Peek, tokens: tuple[Token, ...], blocks: int) -> Peeked:
    """Values whose norm at a token is its position and 40; of one as wide as the stream, tokens of its path's end."""
    path = task.module.path
    if path.endswith("q_proj"):
        raise RequestError("No forward called this module.", "Choose another.")
    wide = (path.endswith("down_proj") and task.module.which == "input") or path == "lm_head"
    name = path.rpartition(".")[2]
    return Peeked(
        prompt=task.prompt,
        module=task.module,
        position=task.position,
        stack=task.stack,
        shape=(len(tokens), 1024 if wide else HIDDEN),
        dtype="bf16",
        whole=values(99.0),
        tokens=tuple(values(40.0 + token.position) for token in tokens),
        layers=tuple((layer, 10.0 + layer) for layer in range(blocks)),
        nearest=() if wide else tuple(LensToken(f" {name}{task.position}{n}", 0.4 / (n + 1)) for n in range(8)),
        is_stream=not wide,
    )


def attention(task: ReadAttention, tokens: tuple[Token, ...]) -> AttentionRead:
    """Every head's attention falls from the first key on."""
    if "mlp" in task.path:
        raise RequestError(f"There is no attention in {task.path}.", "Choose an attention, or a block.")
    queries = task.queries or (0, len(tokens))
    keys = task.keys or (0, len(tokens))
    heads = task.heads or tuple(range(HEADS))
    rows = {
        head: tuple(
            tuple(1 / (2 + head + key) if key <= query else 0.0 for key in range(*keys)) for query in range(*queries)
        )
        for head in heads
    }
    return AttentionRead(
        prompt=task.prompt,
        path=task.path,
        layer=0,
        heads=HEADS,
        key_heads=3,
        queries=queries,
        keys=keys,
        patterns=tuple(HeadPattern(head, rows[head]) for head in heads),
    )


def answers(task: Answer, edits: tuple[Edit, ...]) -> Iterator[Event]:
    """One answer without edits; with any, another beside it."""
    for count in range(1, len(PLAIN) + 1):
        yield AnswersSoFar(
            prompt=task.prompt,
            plain=_tokens(PLAIN[:count]),
            edited=_tokens(EDITED[:count]) if edits else (),
            differs_from=0 if edits else None,
            finished=count == len(PLAIN),
        )


def steps(task: PeekSteps) -> Iterator[Event]:
    for index, token in enumerate(_tokens(PLAIN)):
        yield StepPeeked(
            prompt=task.prompt,
            module=task.module,
            index=index,
            token=token,
            values=values(50.0 + index),
            nearest=(LensToken(" of", 0.2),),
        )


def _tokens(texts: tuple[str, ...]) -> tuple[GeneratedToken, ...]:
    return tuple(GeneratedToken(text, number, 0.5) for number, text in enumerate(texts))
