"""The calls that the readme of NNsight Selfie shows, in its order, on the bundled model."""

from __future__ import annotations

CALLS: dict[str, str] = {
    "quick start": """
from selfie_tui import ModelAgnosticSelfie, InterpretationPrompt

selfie = ModelAgnosticSelfie("demo")
interpretation_prompt = InterpretationPrompt.create_concept_prompt(selfie.model.tokenizer)
results = selfie.interpret(
    original_prompt="The Eiffel Tower is in Paris",
    interpretation_prompt=interpretation_prompt,
    tokens_to_interpret=[(6, 2)],
    max_new_tokens=10
)
print(f"Token interpretation: {results['interpretation'][0]}")
""",
    "device detection": """
from selfie_tui import print_device_info, get_optimal_device

print_device_info()
device = get_optimal_device()
selfie = ModelAgnosticSelfie("demo")
""",
    "device selection": """
selfie = ModelAgnosticSelfie("demo", device="mps")
selfie = ModelAgnosticSelfie("demo", device="cuda")
selfie = ModelAgnosticSelfie("demo", device="cpu")
print(f"Model loaded on: {selfie.device}")
""",
    "basic token interpretation": """
selfie = ModelAgnosticSelfie("demo")
prompt = InterpretationPrompt.create_concept_prompt(selfie.model.tokenizer)
results = selfie.interpret(
    original_prompt="I love sunny weather",
    interpretation_prompt=prompt,
    tokens_to_interpret=[(4, 2), (4, 3)],
    max_new_tokens=15
)
for i, interpretation in enumerate(results['interpretation']):
    token = results['token_decoded'][i]
    print(f"'{token}' represents: {interpretation}")
""",
    "vector arithmetic": """
king_acts = selfie.get_activations("The king ruled wisely", layer_indices=[6])
man_acts = selfie.get_activations("The man walked home", layer_indices=[6])
woman_acts = selfie.get_activations("The woman read quietly", layer_indices=[6])
result_vector = king_acts[6][:,1,:] - man_acts[6][:,1,:] + woman_acts[6][:,1,:]
interpretation = selfie.interpret_vectors(
    vectors=[result_vector],
    interpretation_prompt=prompt,
    max_new_tokens=10
)[0]
print(f"King - Man + Woman = {interpretation}")
""",
    "several models": """
models = ["demo", "demo", "demo"]
for model_name in models:
    selfie = ModelAgnosticSelfie(model_name)
    print(f"{model_name}: {len(selfie.layer_paths)} layers detected")
    results = selfie.interpret(
        original_prompt="Hello world",
        interpretation_prompt=prompt,
        tokens_to_interpret=[(2, 0)],
        max_new_tokens=8
    )
    print(f"Interpretation: {results['interpretation'][0]}")
""",
    "batch processing": """
from selfie_tui.utils import batch_process_interpretations

prompts = [
    "London is the capital of England",
    "Tokyo is a bustling city",
    "Paris is known for art"
]
tokens_per_prompt = [[(4, 0)], [(4, 0)], [(4, 0)]]
results = batch_process_interpretations(
    selfie, prompts, interpretation_prompt,
    tokens_per_prompt, batch_size=2
)
""",
    "activation analysis": """
from selfie_tui.utils import compute_activation_similarity

dog_acts = selfie.get_activations("The dog barked", layer_indices=[6])
cat_acts = selfie.get_activations("The cat meowed", layer_indices=[6])
similarity = compute_activation_similarity(
    dog_acts[6][:,1,:], cat_acts[6][:,1,:],
    metric='cosine'
)
print(f"Dog-Cat similarity: {similarity:.3f}")
""",
    "intervention modes": """
results_normalized = selfie.interpret(
    prompt, interpretation_prompt, [(6, 2)],
    replacing_mode='normalized',
    overlay_strength=0.7
)
results_additive = selfie.interpret(
    prompt, interpretation_prompt, [(6, 2)],
    replacing_mode='addition',
    overlay_strength=0.5
)
""",
}
