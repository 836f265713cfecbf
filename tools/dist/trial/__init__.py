"""make dist-test: what was built, installed and run as a user does, on every kind of system that is at hand here.

checks reads the files; c_programs links with them; places and node_places bring interpreters, in which smoke and
vectors run; provider serves keys over TLS.
"""
