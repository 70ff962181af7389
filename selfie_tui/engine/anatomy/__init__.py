"""Where things are in a model: its residual streams, norm, head, sub-layers and heads, found by watching forwards."""
