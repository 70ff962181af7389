"""The library: what a notebook calls, thin over the engine."""
