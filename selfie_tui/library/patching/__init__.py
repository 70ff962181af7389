"""Activation patching in the calls of nnpatch: sites, and what their patched runs and gradients score."""
