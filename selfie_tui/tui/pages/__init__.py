"""What opens above a view: help, an error, the model; each a page of lines."""
