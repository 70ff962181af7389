"""The training loop: two processes of one thread each, which share their gradients at every step."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from random import Random

import torch
import torch.distributed as dist
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from .corpus import documents
from .network import LAYERS, Block, Network, apply_block, causal_mask, export, fresh, loss_of, rotations
from .tokenizer import train_tokenizer

IGNORE = -100
SHORT, LONGEST = 64, 128


@dataclass(frozen=True)
class Plan:
    """What a run does; `tokens` counts positions of both processes, `distinct_blocks` 4 shares blocks over depth."""

    seed: int
    tokens: int
    out: Path
    distinct_blocks: int = 4
    processes: int = 2
    tokens_per_step: int = 4096
    learning_rate: float = 3e-3
    matrix_decay: float = 0.3
    embedding_decay: float = 0.05
    warmup: int = 100
    average: float = 0.998

    @property
    def steps(self) -> int:
        return self.tokens // self.tokens_per_step

    def rate(self, step: int) -> float:
        """The learning rate: a warm-up, then a cosine down to 2 %."""
        if step < self.warmup:
            return self.learning_rate * (step + 1) / self.warmup
        progress = (step - self.warmup) / max(1, self.steps - self.warmup)
        return self.learning_rate * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * progress)))

    def row_length(self, step: int) -> int:
        """Mostly short rows, where attention is cheap; every fourth step long ones."""
        return LONGEST if step % 4 == 3 else SHORT


def encoded(tokenizer: PreTrainedTokenizerFast, seed: int) -> Iterator[list[int]]:
    """Documents as token ids, each opened by the end-of-text token."""
    texts = documents(seed)
    while True:
        for encoding in tokenizer.backend_tokenizer.encode_batch(list(islice(texts, 512))):
            yield encoding.ids


def fill_row(stream: Iterator[list[int]], waiting: list[list[int]], length: int) -> list[int]:
    """The ids of as many uncut documents as fit; those too long for a short row wait for one of `LONGEST` tokens."""
    ids: list[int] = []
    while True:
        document = waiting.pop() if waiting and length == LONGEST else next(stream)
        if len(document) > length:
            if len(document) <= LONGEST:
                waiting.append(document)
        elif len(ids) + len(document) <= length:
            ids += document
        else:
            if length == LONGEST:
                waiting.append(document)
            return ids


def batches(plan: Plan, tokenizer: PreTrainedTokenizerFast, seed: int) -> Iterator[Tensor]:
    """Batches (rows, length + 1) of token ids, each row of uncut documents and an end of text, padded with `IGNORE`."""
    stream = encoded(tokenizer, seed)
    waiting: list[list[int]] = []
    for step in count():
        length = plan.row_length(step)
        batch = torch.full((plan.tokens_per_step // plan.processes // length, length + 1), IGNORE)
        for row in batch:
            ids = [*fill_row(stream, waiting, length), tokenizer.eos_token_id]
            row[: len(ids)] = torch.tensor(ids)
        yield batch


def noisy(x: Tensor, embedding: Tensor, generator: torch.Generator) -> Tensor:
    """Embeddings `(rows, length, hidden)`, half of the rows with Gaussian noise of up to the embedding's own spread."""
    rows = x.shape[0]
    strength = torch.rand(rows, 1, 1, generator=generator) * (torch.rand(rows, 1, 1, generator=generator) < 0.5)
    return x + torch.randn(x.shape, generator=generator) * strength * embedding.detach().std()


class Learner:
    """One process's copy of the network, with its optimiser and the running average that is exported."""

    def __init__(self, plan: Plan, vocabulary: int, rank: int) -> None:
        self.plan = plan
        self.network = fresh(vocabulary, plan.distinct_blocks, plan.seed)
        self.noise = torch.Generator().manual_seed(plan.seed * 1000 + rank)
        self.block = torch.compile(apply_block, dynamic=False)
        self.loss = torch.compile(loss_of, dynamic=False)
        self.tables = {length: (*rotations(length), causal_mask(length)) for length in (SHORT, LONGEST)}
        tensors = self.network.tensors()
        sizes = [tensor.numel() for tensor in tensors]
        self.gradient = torch.zeros(sum(sizes))
        for tensor, part in zip(tensors, torch.split(self.gradient, sizes), strict=True):
            tensor.grad = part.view_as(tensor)
        self.average = [tensor.detach().clone() for tensor in tensors]
        self.optimiser = torch.optim.AdamW(
            [
                {"params": self.network.matrices(), "weight_decay": plan.matrix_decay},
                {"params": [self.network.embedding], "weight_decay": plan.embedding_decay},
            ],
            betas=(0.9, 0.95),
            fused=True,
        )

    def forward(self, batch: Tensor) -> Tensor:
        """The mean loss of a batch (rows, length + 1)."""
        inputs, targets = batch[:, :-1].clamp(min=0), batch[:, 1:]
        x = torch.nn.functional.embedding(inputs, self.network.embedding)
        x = noisy(x, self.network.embedding, self.noise)
        tables = self.tables[inputs.shape[1]]
        for _ in range(LAYERS // len(self.network.blocks)):
            for block in self.network.blocks:
                x = self.block(x, *block, *tables)
        return self.loss(x.flatten(0, 1), self.network.embedding, targets.flatten())

    def step(self, number: int, batch: Tensor) -> float:
        """Take one step on this process's batch; returns its loss before the step."""
        self.gradient.zero_()
        loss = self.forward(batch)
        torch.autograd.backward(loss)
        dist.all_reduce(self.gradient)
        self.gradient /= self.plan.processes
        self.gradient *= min(1.0, 1.0 / (torch.linalg.vector_norm(self.gradient).item() + 1e-6))
        for group in self.optimiser.param_groups:
            group["lr"] = self.plan.rate(number)
        self.optimiser.step()
        keep = min(self.plan.average, (number + 1) / (number + 10))
        torch._foreach_lerp_(self.average, [tensor.detach() for tensor in self.network.tensors()], 1 - keep)
        return loss.item()

    def averaged(self) -> Network:
        embedding, *matrices = self.average
        return Network(embedding, [Block(*matrices[start : start + 4]) for start in range(0, len(matrices), 4)])


def work(rank: int, plan: Plan, rendezvous: str) -> None:
    """One process's share of a run; the first of them prints and exports."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{rendezvous}", rank=rank, world_size=plan.processes)
    tokenizer = train_tokenizer()
    learner = Learner(plan, len(tokenizer), rank)
    source = batches(plan, tokenizer, Random(f"{plan.seed}/{rank}").getrandbits(40))
    started, losses = time.perf_counter(), [0.0]
    for number in range(plan.steps):
        losses.append(learner.step(number, next(source)))
        if rank == 0 and (number + 1) % 50 == 0:
            seconds = time.perf_counter() - started
            pace = (number + 1) * plan.tokens_per_step / seconds
            loss = sum(losses[-50:]) / 50
            print(f"step {number + 1}/{plan.steps}  loss {loss:.3f}  {pace:.0f} tokens/s  {seconds:.0f} s", flush=True)
        if rank == 0 and ((number + 1) % 500 == 0 or number + 1 == plan.steps):
            export(learner.averaged(), tokenizer, plan.out)
    dist.destroy_process_group()
