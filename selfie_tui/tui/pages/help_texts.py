"""The paragraphs of the help pages: how to read each pane, and what an interpretation does not show."""

from __future__ import annotations

from selfie_tui.precision import BF16
from selfie_tui.tui.action import Scope

METHOD = (
    "Self-interpretation (SelfIE, Patchscopes): the hidden state of one token at one layer is written over the "
    "placeholders of an interpretation prompt, and the model continues that prompt; an encoder, such as BERT, fills "
    "in the prompt's mask tokens instead. The generated text is the interpretation of that state."
)

RELEVANCY = (
    "The relevancy of a generated token is r = |P_injected − P_none|, from 0 to 1: how much its probability changes "
    "with the injection, against the same prompt and the same tokens without it. A word has the bar of its highest, ▁ "
    "for a low one to █ for 1, and none near 0: the model would have generated it anyway. The number after an "
    "interpretation is the mean over the tokens that are shown, its treatment effect. In bf16 and fp16 rounding alone "
    "gives some relevancy; how much is measured once for a model, and no bar is drawn below it."
)

CONTROL = (
    "control is what the model generates from the interpretation prompt alone, without any injection. + marks an "
    "interpretation that says more than the control, = one that says the same and is thus no evidence about the "
    "state, ∅ an empty one, which says nothing, ^ one that says more but is of a state whose norm is far from its "
    "layer's, such as an attention sink, ! a state that is not finite and could not be read. A random control "
    "injects a random direction with the state's norm; ~ is before its text. Expect fluent nonsense from it; an "
    "interpretation that looks like it is worth as much."
)

LIMITS = (
    "What an interpretation does not show: the model that interprets has knowledge of its own. On the bundled model "
    "the bare embedding of “Eiffel” is already interpreted as “a tower in Paris”. An interpretation is what the "
    "model makes of the vector, not what the vector alone contains. Stronger evidence: a token whose early layers "
    "show none of it, an interpretation that is the same with other presets and injection layers, or one that "
    "changes as expected under vector arithmetic or patching. The bundled model lives in a toy world and was trained "
    "to be interpretable; large models are noisier."
)

LENS = (
    "Each layer shows the logit lens at the token cursor: the most probable token that the model's own output head "
    "decodes from the state there, with its probability as a bar, and under the cursor as a number. It follows the "
    "cursor without a run; … after the title says that it is still of another token. embed is the input of the first "
    "block, L0 the output of the first block."
)

MARKS = (
    "● marks what the next run interprets. Without marks it is what the cursor is on. The number of interpretations "
    "is marked tokens times marked layers; more than 500 are confirmed by a second enter. a leaves out special tokens, "
    "such as the begin of a text. A mark stays as long as its token and all before it are the same."
)

GO = (
    "After : a number is of what has the focus: a token (in the layers a layer), a line of the models, the value of "
    "a setting. L5 is a layer, L5,12 a cell, 0-7 or 1,3,9- or L2-L5 are marks. Anything else is a name, or a part of "
    "one: a view, preset, model or action."
)

SETTINGS = (
    "inject at: the layer at which the state is written. mode: replace writes it as it is; blend mixes it with the "
    "state that was there; add adds it; replace-norm and add-norm scale it to the norm of the state that was there; "
    "unit scales it to length 1. strength scales it further (replace and replace-norm have none). to cuts an "
    "interpretation after a sentence or a line. Tokens in [brackets] will be overwritten. e edits an interpretation "
    "prompt of your own, with _ as placeholder. An encoder fills in each [MASK] that you write, from left to right, "
    "or else as many masks at the end as the number of tokens. The encoder of an encoder-decoder reads what is "
    "between [INST] and [/INST], its decoder continues what comes after; placeholders may be in either. system: a chat "
    "template may write a system text of its own before the prompt. On SmolLM2 43 of 234 interpretations spoke of it, "
    "and none without it, but those of the token's own word fell from 37 to 13. Where a placeholder would share a "
    "token with its neighbours, they are tokenised apart."
)

STACKS = (
    "A model with an encoder and a decoder, such as T5, has two stacks of layers: s switches between them. Each has "
    "its own tokens, marks and lens. Write [INST]text for the encoder[/INST] text that the decoder has generated; "
    "the decoder's first token is its start token."
)

MODELS = (
    "enter loads the model under the cursor with the device and precision below. Any folder or hub id of a language "
    "model can be typed: a decoder, an encoder-decoder or an encoder. What is not in the cache is downloaded. 8bit "
    "and 4bit need CUDA; all, offered where there are several GPUs, spreads a model over them. The verdict in the "
    "status line is the result of checks that run whenever a model is loaded, and m shows it in full: if the hooks "
    "are not verified, do not trust the interpretations."
)

MAP = (
    "A map has a row for each layer, embed above all others, and a column for each token. A cell begins with its "
    "heat, ▁ for little to █ for much; what that measures stands in the title and c changes it. · was not asked, ○ "
    "waits, = says the same as what it is compared with, ! failed, × is not a number. + and - change the size of the "
    "cells; the smallest shows all of the map, and where it does not fit, of each block of cells the one with the "
    "most heat: enter goes into the block."
)

PROMPT = (
    "The text whose hidden states are read. Every token is shown with its position: · is a space, a return arrow a "
    "line break. ctrl+j inserts a line break; pasted text keeps its own."
)

TEXTS: dict[Scope, tuple[str, ...]] = {
    "prompt": (METHOD, PROMPT, STACKS, MARKS),
    "tokens": (METHOD, PROMPT, STACKS, MARKS, GO, LENS),
    "layers": (LENS, STACKS, MARKS, GO),
    "map": (MAP, MARKS, GO),
    "settings": (SETTINGS, GO, METHOD),
    "models": (MODELS, BF16, GO),
    "log": (RELEVANCY, CONTROL, LIMITS, METHOD),
    "text": (),
}
"""The paragraphs for a widget, by the first of its scopes."""
