"""Two models beside each other: their tokens, layers, logits, and maps between their spaces."""
