"""make dist-test: what was built, installed and run as a user does, on every kind of system that is at hand here.

checks reads the files; programs and places bring interpreters; smoke and vectors run in them; registry plays npm's.
"""
