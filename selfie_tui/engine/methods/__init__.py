"""What can be done with a model: one module a method, each a generator of events.

A method's module names its tasks in `RUNS`, a dict from the task's type to `run(model, task, cancelled)`, which yields
events lazily, refuses before any forward, and raises `Cancelled` soon after `cancelled()` is true. A module of this
folder that has `RUNS` is found by the service without being named anywhere else. A method of two models names its tasks
in `RUNS_WITH_ANOTHER`, a dict to `run(model, other, task, cancelled)`; a task's `other` names the one that is loaded
for it.
"""
