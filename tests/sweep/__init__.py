"""Every text model type of transformers, small and random."""
