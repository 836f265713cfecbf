"""Writes the suites of tests/vectors from the rules they hold; see generate.py."""
