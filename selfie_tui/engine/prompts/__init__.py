"""From text to the tokens that a model reads: source prompts, interpretation prompts, placeholders."""
