"""Control of a layer: its MLP trained on a copy of its weights, and what that changes."""
