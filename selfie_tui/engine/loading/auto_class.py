"""Which of transformers' model classes opens a checkpoint: one that continues a text, answers it, or fills it in."""

from __future__ import annotations

from typing import Any

import transformers
from transformers import AutoModelForCausalLM, AutoModelForMaskedLM, AutoModelForSeq2SeqLM

from selfie_tui.errors import LoadError

REMEDY = "Load a language model: one that continues a text, answers it, or fills in its masks."
GENERATING = ("CausalLM", "LMHeadModel", "ConditionalGeneration")
"""Parts of class names of checkpoints that were saved to continue or to answer."""

OTHER_HEADS = ("Classification", "ForQuestionAnswering", "ForMultipleChoice", "ForNextSentencePrediction")
"""Ends of class names of checkpoints whose heads do not predict tokens."""


def auto_class(config: Any, name: str) -> Any:
    """Return the auto class that opens a checkpoint of this configuration.

    Raises:
        LoadError: if it is not a language model.
    """
    auto = transformers.models.auto.modeling_auto
    saved_as = (getattr(config, "architectures", None) or [""])[0]
    kind = config.model_type
    if saved_as.endswith(OTHER_HEADS):
        raise LoadError(f"{name} was saved as {saved_as}, not as a language model.", REMEDY)
    continues = kind in auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
    answers = kind in auto.MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES
    fills = kind in auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES
    generates = any(part in saved_as for part in GENERATING)
    if config.is_encoder_decoder and answers:
        return AutoModelForSeq2SeqLM
    if config.is_encoder_decoder and not saved_as.endswith("ForCausalLM"):
        raise LoadError(f"{name} ({kind}) is an encoder-decoder that does not take text alone.", REMEDY)
    if fills and not (generates and continues):
        return AutoModelForMaskedLM
    if continues:
        return AutoModelForCausalLM
    if answers:
        return AutoModelForSeq2SeqLM
    raise LoadError(f"{name} ({kind}) is not a language model that transformers opens without other code.", REMEDY)
