"""From an interpretation prompt and vectors to tokens: prefill, steps, stopping, teacher forcing."""
