"""A look inside a model: its modules, their values, attention patterns, answers with and without edits, vectors."""
