"""What can be shown below the prompt: one package a view."""
