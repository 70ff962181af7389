"""The terminal interface: panes that show records and post requests."""
