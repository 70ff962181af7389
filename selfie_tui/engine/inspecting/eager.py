"""A model's attention computed step by step for a moment, as fused kernels keep no pattern, and given back as it was.

Only configurations are changed, never weights. transformers' own switch does it, as families keep the choice in several
configurations, and what each of them said before is written back afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from transformers import PreTrainedConfig
from transformers.utils import logging

CHOICE = "_attn_implementation_internal"
"""Where a configuration keeps which attention it means."""


@contextmanager
def eager_attention(module: Any) -> Iterator[None]:
    """While open, a model of transformers computes its attention patterns one by one; another module is left as it is.

    Families that have no such switch (Falcon) compute them where they are asked to return them, with the mask that
    their configuration then makes: a fused kernel's may be left out where it is causal.
    """
    switch = getattr(module, "set_attn_implementation", None)
    before = [(config, vars(config).get(CHOICE)) for config in configurations(module)]
    try:
        if switch is not None:
            with silent():
                switch("eager")
        for config, choice in before:
            if choice is not None:
                setattr(config, CHOICE, "eager")
        yield
    finally:
        for config, choice in before:
            setattr(config, CHOICE, choice)


def configurations(module: Any) -> Sequence[PreTrainedConfig]:
    """The configurations of a model and its parts, and those within them, each once."""
    found: dict[int, PreTrainedConfig] = {}

    def add(config: Any) -> None:
        if isinstance(config, PreTrainedConfig) and id(config) not in found:
            found[id(config)] = config
            for part in vars(config).values():
                add(part)

    for part in module.modules():
        add(getattr(part, "config", None))
    return list(found.values())


@contextmanager
def silent() -> Iterator[None]:
    """While open, transformers prints no warnings: a screen may be where they would go."""
    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
