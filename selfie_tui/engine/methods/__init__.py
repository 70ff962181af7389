"""What can be done with a model: one module a method, each a generator of events."""
