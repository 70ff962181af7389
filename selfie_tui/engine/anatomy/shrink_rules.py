"""The sizes that configurations are shrunk to: rules on field names, and the few exceptions by model type."""

from __future__ import annotations

from typing import Any

VOCABULARY = 160
HIDDEN = 64
LAYERS = 4
TOWER_LAYERS = 1
SPECIAL_TOKENS = {"bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 2, "decoder_start_token_id": 0}

LAYER_COUNT = r"(num_)?(hidden_|encoder_|decoder_)?layers|n_layers?|depth|num_blocks|num_self_attends_per_block"
LAYER_COUNT += r"|(speech|t2u)_(encoder|decoder)_layers|conf_num_hidden_layers"

# Sub-configurations of what is not text: one layer each.
TOWER = r"vision_config|audio_config|vq_config|projector_config|.*tokenizer.*_config|audio_encoder(_config)?"
TOWER += r"|diarization_config|asr_config|word_timestamp_config|head_config|depth_decoder_config|text_encoder"

# The greatest value of an integer field: that of the first pattern that its full name matches.
SIZES: tuple[tuple[str, int], ...] = (
    (r".*type_vocab_size", 1 << 30),
    (r".*vocab_size.*|.*group_vocab|ngram_vocab_size_base", VOCABULARY),
    (r".*max_position_embeddings|max_2d_position_embeddings|n_positions|n_ctx|max_seq_len|context_length", 128),
    (r"max_(source|target)_positions|max_(en|de)coder_position_embeddings|max_pos_emb|rel_extent", 128),
    (r"position_bias_max_distance", 128),
    (r".*sliding_window(_size)?|.*attention_window(_size|_len)?|attention_chunk_size|local_attention|context_size", 64),
    (r"keep_window_size|chunk_size|mamba_chunk_size|num_latents", 16),
    (r"index_topk(_blocks)?", 6),
    (r"moe_intermediate_size|.*shared_expert.*intermediate_size|expert_ffn_hidden_size|shared_intermediate_size", 32),
    (r".*intermediate_size.*|.*ffn_dim|ffn_hidden_size|d_ff|dff|d_inner|dim_ff|mlp_dim|feed_forward_size", 96),
    (r"mamba_n_heads|mamba_num_heads", 8),
    (r".*num_key_value_heads|.*kv_heads", 2),
    (r".*attention_heads.*|.*n_heads?|(.*_)?num_heads", 4),
    (r"qk_head_dim", 24),
    (r"qk_rope_head_dim|rotary_dim", 8),
    (r".*head_dim|mamba_d_head|attention_head_size|d_head|d_kv|kv_channels|dim_head", 16),
    (r".*_rank", 16),
    (r"(moe_)?num_(local_)?experts|n_routed_experts|zero_expert_num", 4),
    (r"num_experts_per_tok(en)?|moe_topk|moe_k|n_group", 2),
    (r"topk_group|n_groups|first_k_dense_replace|num_dense_layers", 1),
    (r"num_sparse_(en|de)coder_layers", 2),
    (r".*state_size|mamba_d_state", 8),
    (r"hidden_size.*|.*_hidden_size|.*hidden_dim|d_model|d_latents|n_embd|dim|mamba_d_ssm|lru_width", HIDDEN),
    (r".*(embedding_size|embedding_dim|embed_dim|emb_dim|emb_size|proj_dim)|input_size|prompt_mid_dim", HIDDEN),
    (r"output_channels|nemo_conv_channels|hc_lowrank|(vision_)?output_dim", HIDDEN),
    (r"(adapter|projector)_(in|out)(put)?_(dim|size)|(depthwise_separable|ext_pw)_out_channel", HIDDEN),
)

# What the rules leave wrong, by type and dotted field.
OVERRIDES: dict[str, dict[str, Any]] = {
    "minicpm3": {"scale_emb": 1, "dim_model_base": 64},  # else its logits are so large that every token is certain
    # The library builds a cache from a number of layers that this configuration does not have.
    "blt": {"use_cache": False},
    "bamba": {"attn_layer_indices": [1, 3]},
    "cohere": {"logit_scale": 0.25},
    "cohere2": {"logit_scale": 0.25},
    "cohere2_moe": {"logit_scale": 0.25},
    "cohere_compass_text": {
        "layer_types": ["sliding_attention", "full_attention"] * 2,
        "rope_parameters": {
            kind: {"rope_type": "default", "rope_theta": 10000.0} for kind in ("sliding_attention", "full_attention")
        },
    },
    "dbrx": {"attn_config.rope_theta": 10000.0, "attn_config.clip_qkv": 8.0, "ffn_config.moe_top_k": 2},
    "deepseek_v2": {"num_experts_per_tok": 2, "first_k_dense_replace": 1},
    "dots1": {"n_routed_experts": 4, "n_shared_experts": 1, "num_experts_per_tok": 2, "first_k_dense_replace": 1},
    "esm": {"mask_token_id": 3},
    "esmc": {"num_key_value_heads": 4},
    "funnel": {"block_sizes": [2, 1, 1], "block_repeats": [1, 1, 1]},
    "gemma3n_text": {
        "layer_types": ["sliding_attention", "full_attention"] * 2,
        "num_kv_shared_layers": 2,
    },
    "gemma4_text": {"global_head_dim": 32},
    "gemma4_unified_text": {"global_head_dim": 32},
    "glm_moe_dsa": {"indexer_types": ["full", "shared"] * 2},
    "gpt_neo": {"attention_types": [[["global", "local"], 2]], "attention_layers": ["global", "local"] * 2},
    "granitemoehybrid": {"layer_types": ["linear_attention", "full_attention"] * 2},
    "hrm_text": {"num_hidden_layers": 16, "num_layers_per_stack": 2},
    "hunyuan_v1_dense": {"head_dim": 16},
    "hunyuan_v1_moe": {"head_dim": 16, "num_experts": 4, "moe_topk": 2},
    "inkling_text": {"mlp_layer_types": ["dense", "sparse", "dense", "sparse"], "logits_mup_width_multiplier": 2.0},
    "jamba": {"attn_layer_period": 4, "attn_layer_offset": 2},
    "laguna": {"layer_types": ["sliding_attention", "full_attention"] * 2},
    "lfm2": {"layer_types": ["conv", "full_attention"] * 2},
    "lfm2_moe": {"layer_types": ["conv", "full_attention"] * 2},
    "longcat_flash": {"num_layers": 2, "head_dim": 8},
    "mamba2": {"num_heads": 8},
    "mellum": {"layer_types": ["sliding_attention", "full_attention"] * 2},
    "ministral": {"head_dim": 16},
    "minimax_m3_vl_text": {
        "layer_types": ["full_attention", "minimax_m3_sparse"] * 2,
        "mlp_layer_types": ["dense", "sparse"] * 2,
    },
    "nemotron": {"num_key_value_heads": 2},
    "nemo_speechlm": {"audio_config.blank_token_id": 159, "word_timestamp_config.blank_token_id": 159},
    "reformer": {
        "axial_pos_embds_dim": (16, 48),
        "axial_pos_shape": (8, 16),
        "local_attn_chunk_length": 8,
        "lsh_attn_chunk_length": 8,
        "hash_seed": 0,
    },
    "vibevoice_asr": {
        f"{tokenizer}_tokenizer_encoder_config.{name}": value
        for tokenizer in ("acoustic", "semantic")
        for name, value in {"num_filters": 2, "depths": [1, 1], "downsampling_ratios": [2]}.items()
    },
    "xlstm": {"qk_dim_factor": 1.0},
    "xmod": {"default_language": "en_XX"},
    "zamba": {
        "attention_hidden_size": 2 * HIDDEN,
        "attention_head_dim": 32,
        "layers_block_type": ["linear_attention", "hybrid"] * 2,
    },
    "zamba2": {
        "attention_hidden_size": 2 * HIDDEN,
        "attention_head_dim": 32,
        "layers_block_type": ["linear_attention", "hybrid"] * 2,
        "hybrid_layer_ids": [1, 3],
    },
    "zaya": {"layer_types": ["hybrid", "hybrid_sliding"] * 2, "sliding_window": 64},
}
QSA = {"indexer_n_heads": 2, "indexer_kv_heads": 1, "indexer_head_dim": 16, "indexer_budget": 8}
OVERRIDES["qwen4_exp_text"] = {**QSA, "indexer_compress_ratio": 2}
SWA = {"num_attention_heads": 4, "num_key_value_heads": 4, "q_lora_rank": 16, "kv_lora_rank": 16}
SWA |= {"head_dim": 24, "qk_nope_head_dim": 16, "v_head_dim": 16}
OVERRIDES["dots3_note_text"] = {"head_dim": 24, **{f"swa_{name}": value for name, value in SWA.items()}}
for name in ("qwen4_exp", "dots3_note", "gemma4", "gemma4_unified"):
    inner = {f"text_config.{field}": value for field, value in OVERRIDES[f"{name}_text"].items()}
    OVERRIDES[name] = {**OVERRIDES.get(name, {}), **inner}

# Parameters of two or more dimensions that keep their initial value but for a little noise: decays, mixes and scales.
KEPT = r"A_log|D|dt_proj_bias|time_mix_.*|time_decay|scale|static_weight"

# The standard deviation of weights, where the usual one grows beyond bounds: MobileBERT's "no norm" is a plain scale.
WEIGHTS = 0.13
WEIGHTS_OF = {"mobilebert": 0.06}
