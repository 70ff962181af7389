"""Activation patching: sites, pairs of prompts, runs with values of another prompt written in, scores, attribution."""
