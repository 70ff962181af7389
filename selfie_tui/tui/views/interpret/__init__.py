"""The view of interpretations: settings above, the log below."""
