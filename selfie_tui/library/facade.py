"""`ModelAgnosticSelfie`: a model with the calls that NNsight Selfie has, over this engine."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, overload

import torch

from selfie_tui.engine.methods.activations import read_prompts
from selfie_tui.engine.prompts.source import Source, source_of, source_tokens
from selfie_tui.errors import RequestError
from selfie_tui.library.api import interpret_vectors
from selfie_tui.library.cells import CellPairs, Layer, cells_in, layer_numbers, positions_in
from selfie_tui.library.injected_generation import continue_injected
from selfie_tui.library.interpretation_prompt import InterpretationPrompt, Prompt
from selfie_tui.library.notices import warn_of_special_tokens
from selfie_tui.library.open_model import open_model
from selfie_tui.library.requests import make_request, prompt_text, prompt_texts, settings_in
from selfie_tui.library.results import InterpretationTable, collect
from selfie_tui.library.vectors import Vectors
from selfie_tui.records import EMBED, Request


class StatesByLayer(dict[int, torch.Tensor]):
    """States `(1, tokens, hidden)` by layer, where `"embed"` finds those of the embeddings too."""

    def __missing__(self, layer: object) -> torch.Tensor:
        """The states `(1, tokens, hidden)` of the embeddings by their name."""
        if layer == "embed" and EMBED in self:
            return self[EMBED]
        raise KeyError(layer)


class ModelAgnosticSelfie:
    """A language model whose hidden states can be read, written and interpreted.

    Args:
        model: `demo`, a folder or a hub id; or a transformers module, with its `tokenizer`; or an nnsight model; or a
            `Model` from `load` or `adopt`. One that is not verified is warned of.
        tokenizer: of a module in hand; of any other only where it is not its own.
        device: such as `mps`, `cuda` or `cpu`. Without one a name is loaded to the best device there is, and what is
            in hand stays where it is. A device that is absent falls back to the CPU with a warning.
        dtype: number format for a name that is loaded, such as `bf16` or `torch.bfloat16`; a module in hand keeps its
            own.
        options: further keywords of `load`: `layer_paths`, also for a module in hand, and `report`.

    Raises:
        LoadError: with the cause and what to do next.
        RequestError: for an argument that is not what it should be, or a keyword that `load` does not have.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any = None,
        device: str | torch.device | None = None,
        dtype: str | torch.dtype = "auto",
        **options: Any,
    ) -> None:
        self.model = open_model(model, tokenizer, None if device is None else str(device), dtype, options)

    @property
    def device(self) -> str:
        """Where the model is, such as `cpu`."""
        return str(self.model.device)

    @property
    def layer_paths(self) -> list[str]:
        """The module path of each block, such as `model.layers.0`; of an encoder-decoder, those of the encoder."""
        return [block.path for block in self.model.anatomy.main.blocks]

    def __repr__(self) -> str:
        return f"ModelAgnosticSelfie({self.model.name!r}, {self.model.layers} layers, {self.device})"

    @overload
    def get_activations(
        self,
        prompt: str | InterpretationPrompt,
        layer_indices: Sequence[Layer] | Layer | None = None,
        token_indices: Sequence[int] | int | None = None,
        stack: str = "",
    ) -> dict[int, torch.Tensor]: ...

    @overload
    def get_activations(
        self,
        prompt: list[str] | tuple[str, ...],
        layer_indices: Sequence[Layer] | Layer | None = None,
        token_indices: Sequence[int] | int | None = None,
        stack: str = "",
    ) -> list[dict[int, torch.Tensor]]: ...

    def get_activations(
        self,
        prompt: str | InterpretationPrompt | list[str] | tuple[str, ...],
        layer_indices: Sequence[Layer] | Layer | None = None,
        token_indices: Sequence[int] | int | None = None,
        stack: str = "",
    ) -> dict[int, torch.Tensor] | list[dict[int, torch.Tensor]]:
        """Residual states by layer, each `(1, tokens, hidden)`, in one forward that keeps only the chosen cells.

        The embeddings are found by `"embed"`, and are under the number -1 where the dictionary is walked through.

        Several prompts go through the model as one padded batch, where padding is seen to change no state.

        Args:
            prompt: a text, or several for one dictionary each, as their lengths differ.
            layer_indices: one or more layers (`l` is the output of block `l`, `"embed"` the input of block 0);
                all blocks if None.
            token_indices: one or more positions, special tokens counted and negative ones from the end; all if None.
            stack: of an encoder-decoder, `encoder` or `decoder`.

        Raises:
            PromptError: for an empty or too long prompt.
            RequestError: for a layer or position that is out of range, or a prompt that is not a text.
        """
        alone = isinstance(prompt, str | InterpretationPrompt)
        texts = [prompt_text(prompt)] if alone else prompt_texts(prompt)
        sources = [source_of(self.model, text, stack) for text in texts]
        count = len(self.model.anatomy.stack(stack).blocks)
        layers = layer_numbers(range(count) if layer_indices is None else layer_indices)
        positions = [
            positions_in(source.tokens, range(len(source.tokens)) if token_indices is None else token_indices)
            for source in sources
        ]
        if not layers or not all(positions):
            raise RequestError("No cell is chosen.", "Choose at least one layer and one token.")
        read = self._states(sources, layers, positions)
        found: list[dict[int, torch.Tensor]] = [
            StatesByLayer({layer: states[layer].unsqueeze(0) for layer in layers}) for states in read
        ]
        return found[0] if alone else found

    def _states(
        self, sources: Sequence[Source], layers: Sequence[int], positions: Sequence[Sequence[int]]
    ) -> list[dict[int, torch.Tensor]]:
        """The states of each source at its positions, each `(positions, hidden)`; in one batch without a prefix."""
        if len(sources) > 1 and not any(source.prefix for source in sources):
            return read_prompts(self.model, [source.ids for source in sources], layers, positions)
        return [
            self.model.read(source.ids, layers, own, prefix=source.prefix)
            for source, own in zip(sources, positions, strict=True)
        ]

    def inject_activation(
        self,
        prompt: str,
        activation: torch.Tensor,
        injection_layer: Layer,
        injection_positions: int | Iterable[int],
        overlay_strength: float = 1.0,
        replacing_mode: str = "normalized",
        max_new_tokens: int = 30,
    ) -> torch.Tensor:
        """Token ids `(1, prompt + new)` of a prompt continued greedily with an activation written into it.

        The token that ends the generation is not among them. An encoder-decoder answers the prompt, and an encoder
        fills in its mask tokens; the answer comes after the prompt all the same. Of a chat turn
        (`[INST]words[/INST] answer`) an encoder-decoder's encoder reads the words, and its decoder has written the
        answer's beginning: both are the prompt, one after the other and without the marks, in ids and positions.

        Args:
            prompt: any text; its own tokens come first, and what is new after them.
            activation: `(hidden,)`, `(1, hidden)` or `(1, 1, hidden)` for every position, or one for each as
                `(positions, hidden)` or `(1, positions, hidden)`.
            injection_layer: the layer whose output is written to.
            injection_positions: where, negative ones from the end; no position twice.
            overlay_strength, replacing_mode: see `interpret`.

        Raises:
            RequestError: for a layer, position or activation that does not fit.
        """
        return continue_injected(
            self.model,
            prompt,
            activation,
            injection_layer,
            injection_positions,
            mode=replacing_mode,
            strength=overlay_strength,
            max_new_tokens=max_new_tokens,
        )

    def interpret(
        self,
        original_prompt: str | InterpretationPrompt,
        interpretation_prompt: Prompt,
        tokens_to_interpret: CellPairs,
        injection_layer: Layer = "embed",
        batch_size: int | None = None,
        max_new_tokens: int = 30,
        overlay_strength: float = 1.0,
        replacing_mode: str = "normalized",
        compat: bool | str | None = None,
        relevancy: bool = True,
        stack: str = "",
        *,
        stop: str | Sequence[str] = (),
        random_control: bool = False,
        temperature: float = 0.0,
        seed: int = 0,
        samples: int = 1,
        baselines: bool = True,
        system: bool = True,
    ) -> InterpretationTable:
        """Interpret the states at cells of a prompt, all of them decoded as one batch.

        Args:
            original_prompt: the text whose states are read; an `InterpretationPrompt` stands for its own text.
            interpretation_prompt: built anew with this model's tokenizer.
            tokens_to_interpret: `(layer, position)` pairs, or one; `"embed"` is the input of block 0, a negative
                position counts from the end.
            injection_layer: where the state is written over the placeholders.
            batch_size: not needed: a batch is as large as memory allows, and halved where it is not enough.
            overlay_strength, replacing_mode: `normalized` (or `blend`) is `s*v + (1-s)*h`, so `v` itself at strength 1;
                `addition` (or `add`) is `h + s*v`; and all other modes of `injection`.
            compat: `"selfie"` for the published positions (see `InterpretationPrompt`).
            relevancy: whether to measure what the injection changed of each token's probability.
            stack: of an encoder-decoder, whose states are read: `encoder` or `decoder`.
            stop: one or more texts at which an answer ends, before the text itself.
            random_control: whether to decode a random direction of each state's norm too (in the table's `records`).
            temperature: 0 is greedy; above, tokens are sampled, by `seed`.
            samples: texts to sample for each cell; the one that most of the others agree with is the cell's.
            baselines: whether the logit lens and the token's bare embedding are read beside each cell.
            system: whether a chat template keeps its own system text, such as "You are a helpful assistant".

        Raises:
            SelfieError: for a request that the model cannot fulfil, with what to change.
        """
        settings = settings_in(locals())
        request = self.request(original_prompt, interpretation_prompt, tokens_to_interpret, **settings)
        source = source_tokens(self.model, request.prompt, stack)
        warn_of_special_tokens(self.model, (source[cell.position] for cell in request.cells), 2)
        return InterpretationTable(collect(self.model, request))

    def request(
        self,
        original_prompt: str | InterpretationPrompt,
        interpretation_prompt: Prompt,
        tokens_to_interpret: CellPairs,
        compat: bool | str | None = None,
        stack: str = "",
        **settings: Any,
    ) -> Request:
        """The engine's request for cells of a prompt; the settings are the fields of a `Request`."""
        text = prompt_text(original_prompt)
        cells = cells_in(source_tokens(self.model, text, stack), tokens_to_interpret)
        return make_request(text, cells, interpretation_prompt, {**settings, "compat": compat, "stack": stack})

    def interpret_vectors(
        self,
        vectors: Vectors,
        interpretation_prompt: Prompt,
        injection_layer: Layer = "embed",
        batch_size: int | None = None,
        max_new_tokens: int = 30,
        overlay_strength: float = 1.0,
        replacing_mode: str = "normalized",
        compat: bool | str | None = None,
        *,
        stop: str | Sequence[str] = (),
        temperature: float = 0.0,
        seed: int = 0,
        samples: int = 1,
        system: bool = True,
    ) -> list[str]:
        """The texts of vectors of any origin, in their order; the settings are those of `interpret`.

        `selfie_tui.interpret_vectors` also gives relevancy, the controls and the tokens.

        Args:
            vectors: `(n, hidden)`, or a list of `(hidden,)`, `(1, hidden)` or `(1, 1, hidden)`; one dimension
                alone, as a tensor, an array or numbers, is one vector.

        Raises:
            RequestError: for a vector of another width, or one that is not finite.
        """
        settings = settings_in(locals())
        settings |= {"relevancy": False, "baselines": False}
        result = interpret_vectors(self.model, vectors, preset=interpretation_prompt, **settings)
        return [interpretation.text for interpretation in result.interpretations]
