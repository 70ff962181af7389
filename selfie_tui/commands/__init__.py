"""What a terminal runs without the screen: one module a command."""
