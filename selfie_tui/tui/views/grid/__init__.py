"""The view of a whole prompt: every layer and token interpreted, as a map with words in its cells."""
