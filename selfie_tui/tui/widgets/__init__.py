"""The parts of the screen, drawn line by line."""
