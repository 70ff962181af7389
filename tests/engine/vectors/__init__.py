"""Tests of vectors and steering."""
