"""Names of model families that scripts written for nnpatch import; they are accepted, and not needed."""
