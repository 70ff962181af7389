"""Vectors beside each other: cosines, projections, and the tokens that the lens reads in each.

When it misleads: states of one layer share a large mean, so that the cosine of any two of them is near 1 (Ethayarajh
2019, arXiv 1909.00512); centred, with the mean of all that are compared taken off, words of a kind come apart. The
lens's norm scales whatever it is given: a short vector and a difference are read as if they were whole states.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from selfie_tui.engine.model import Model
from selfie_tui.engine.prompts.placeholders import token_texts
from selfie_tui.engine.unembed import lens_logits
from selfie_tui.engine.vectors.vector import Vector, check_fits, notices_of
from selfie_tui.errors import RequestError
from selfie_tui.records import LensToken, VectorLooks
from selfie_tui.text import prose


def compare(
    model: Model, vectors: Sequence[Vector], k: int = 5, centred: bool = False, stack: str = ""
) -> tuple[VectorLooks, ...]:
    """What is known of each vector, and its cosine with each of them.

    Of a vector of several layers the cosines are means over the layers, with one of a single layer those with it.

    Raises:
        RequestError: for a vector that does not fit the model, or layers that do not fit each other.
    """
    for vector in vectors:
        check_fits(model, vector, stack)
    rows = aligned(vectors)  # (vectors, layers, width)
    cosine = cosines(rows, centred).mean(-1).tolist()
    along = projections(rows).mean(-1).tolist()
    near, far = nearest(model, torch.stack([vector.rows.mean(0) for vector in vectors]), k, stack)
    return tuple(
        VectorLooks(
            line=vector.name,
            layers=vector.layers,
            width=vector.width,
            norm=vector.norm,
            nearest=near[index],
            farthest=far[index],
            cosines=tuple(cosine[index]),
            projections=tuple(along[index]),
            notices=notices_of(model, vector),
            edited=vector.edited,
        )
        for index, vector in enumerate(vectors)
    )


def aligned(vectors: Sequence[Vector]) -> torch.Tensor:
    """The rows of vectors, `(vectors, layers, width)`, single ones repeated; raises RequestError for other layers."""
    several = [vector for vector in vectors if len(vector.rows) > 1]
    for vector in several[1:]:
        if vector.layers != several[0].layers:
            raise RequestError(
                f"{prose(several[0].name)} is of {several[0].where}, and {prose(vector.name)} is of {vector.where}.",
                f"Choose a layer of each, such as {prose(vector.name)}@{vector.layers[0]}.",
            )
    count = len(several[0].rows) if several else 1
    return torch.stack([vector.rows.expand(count, -1) for vector in vectors])


def cosines(rows: torch.Tensor, centred: bool = False) -> torch.Tensor:
    """The cosine of every two of vectors `(vectors, ..., width)`, `(vectors, vectors, ...)`; 0 with a zero vector."""
    if centred:
        rows = rows - rows.mean(0, keepdim=True)
    unit = torch.nn.functional.normalize(rows, dim=-1)
    return torch.einsum("i...w,j...w->ij...", unit, unit).clamp(-1, 1)


def projections(rows: torch.Tensor) -> torch.Tensor:
    """How long each of vectors `(vectors, ..., width)` is along every other, `(vectors, vectors, ...)`."""
    return torch.einsum("i...w,j...w->ij...", rows, torch.nn.functional.normalize(rows, dim=-1))


def nearest(
    model: Model, vectors: torch.Tensor, k: int, stack: str = ""
) -> tuple[list[tuple[LensToken, ...]], list[tuple[LensToken, ...]]]:
    """The `k` tokens that the lens reads in each of vectors `(n, width)`, and in its negative; none of zeros."""
    if not k:
        return [()] * len(vectors), [()] * len(vectors)
    found = tokens_of(model, torch.cat([vectors, -vectors]), k, stack)
    known = vectors.any(-1).tolist() * 2
    kept = [tokens if is_known else () for tokens, is_known in zip(found, known, strict=True)]
    return kept[: len(vectors)], kept[len(vectors) :]


def tokens_of(model: Model, vectors: torch.Tensor, k: int, stack: str = "") -> list[tuple[LensToken, ...]]:
    """The `k` tokens that the lens reads in each of vectors `(n, width)`; none where its logits are not finite."""
    states = vectors.to(model.device, model.stream_dtype)
    logits = lens_logits(model, states, stack)  # (n, vocabulary)
    top = logits.softmax(-1).topk(min(k, logits.shape[-1]), dim=-1)
    found: list[tuple[LensToken, ...]] = []
    for ids, shares in zip(top.indices.tolist(), top.values.tolist(), strict=True):
        texts = token_texts(model.tokenizer, ids)
        is_finite = all(share == share for share in shares)
        found.append(tuple(LensToken(*each) for each in zip(texts, shares, ids, strict=True)) if is_finite else ())
    return found
