"""Vectors: read from files of several kinds, computed of one another, taken from prompts, compared and adapted."""
