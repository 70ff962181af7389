"""The one thread that does engine work: a queue of tasks in, events out, one cancel flag."""
