"""The view of patching: which activations carry what tells two prompts apart, as a map of scores."""
