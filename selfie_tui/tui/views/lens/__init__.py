"""The view of the lens: every layer's top token at every position of the prompt, as a map."""
