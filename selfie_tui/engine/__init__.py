"""The science, usable as a library and from a notebook; knows no screen."""
