"""What the help pages say: how each pane is read, and what a reading does not prove."""

from __future__ import annotations

from selfie_tui.tui.actions import Scope

METHOD = (
    "Self-interpretation (SelfIE, Patchscopes): the hidden state of one token at one layer is written over the "
    "placeholders of an interpretation prompt, and the model goes on writing; an encoder, such as BERT, fills in the "
    "prompt's mask tokens instead. What it writes is a reading of that state."
)

RELEVANCY = (
    "Relevancy of a generated token is r = |P_injected − P_none|, from 0 to 1: how much its probability changes "
    "when the state is injected, against the same prompt and the same tokens without injection. ▁ is near 0, █ near "
    "1. Tokens that would have come anyway stay low. The number behind a reading is the mean of its tokens, its "
    "treatment effect."
)

CONTROL = (
    "control is what the interpretation prompt says by itself, without any injection. + marks a reading that says "
    "more than the control, = one that says the same and so tells nothing of the state. A random control injects a "
    "random direction of the state's norm: fluent nonsense is what to expect, and a reading that looks like it is "
    "worth as much."
)

LIMITS = (
    "What a reading does not prove: the model that reads knows facts of its own. On the bundled model the bare "
    "embedding of “Eiffel” already reads “a tower in Paris”. A reading says what the model makes of the vector, not "
    "what the vector alone contains. Stronger evidence is a cell whose early layers read nothing of the sort, and a "
    "reading that survives other presets and injection layers, or that follows the vector under arithmetic or "
    "patching. The bundled model lives in a toy world and was built to be readable; large models are noisier."
)

LENS = (
    "Beside each layer stands the logit lens at the token cursor: the top token that the model's own head reads "
    "there, a bar and a number for its probability. It follows the cursor at once and needs no run. embed is the "
    "input of the first block, L0 the first block's output."
)

MARKS = (
    "● marks what the next run reads. Without any mark it reads what the cursor is on. Marked tokens times marked "
    "layers is the number of readings."
)

SETTINGS = (
    "inject at: the layer where the state is written in. mode: replace writes it as it is; blend mixes it with what "
    "was there; add adds it; replace-norm and add-norm bring it to the norm of what was there; unit gives it length "
    "1. strength scales it (replace and replace-norm have none). to cuts a reading after a sentence or a line. "
    "Tokens in [brackets] will be overwritten. e writes an interpretation prompt of your own, with _ as "
    "placeholder. An encoder fills in each [MASK] that you write, from left to right, or else as many masks at the end "
    "as the number of tokens says. An encoder-decoder's encoder reads what stands in [INST]…[/INST], its decoder goes "
    "on with what comes after; placeholders may be in either."
)

STACKS = (
    "A model with an encoder and a decoder, such as T5, has two stacks of layers: s goes from one to the other. Each "
    "has tokens, marks and a lens of its own. Write [INST]what the encoder reads[/INST] what the decoder has written; "
    "the decoder's first token is its start token."
)

MODELS = (
    "enter loads the model under the cursor with the device and precision below. Any folder or hub id with a language "
    "model can be typed: a decoder, an encoder-decoder or an encoder; what is not in the cache is downloaded. 8bit and "
    "4bit need CUDA; all, offered where there are several GPUs, spreads a model over them. The verdict in the status "
    "line is that of identities which are tried on every model at load, and m shows it in full: if the hooks are not "
    "verified, do not trust the readings."
)

PROMPT = (
    "The text whose hidden states are read. Every token is shown as it is, with its position: · is a space, a return "
    "arrow a line break. ctrl+j puts a line break in; pasted text keeps its own."
)

TEXTS: dict[Scope, tuple[str, ...]] = {
    "prompt": (METHOD, PROMPT, STACKS, MARKS),
    "tokens": (METHOD, PROMPT, STACKS, MARKS, LENS),
    "layers": (LENS, STACKS, MARKS),
    "settings": (SETTINGS, METHOD),
    "models": (MODELS,),
    "log": (RELEVANCY, CONTROL, LIMITS, METHOD),
    "text": (),
}
"""The paragraphs for a widget, by the first of its scopes."""
