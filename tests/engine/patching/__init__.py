"""Activation patching against plain hooks."""
