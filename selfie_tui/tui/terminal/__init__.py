"""Between the app and the terminal: only changed cells are sent, and stderr goes to the log."""
