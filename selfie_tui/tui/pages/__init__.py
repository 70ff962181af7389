"""Pages of lines above a view: help, an error, the model."""
