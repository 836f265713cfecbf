"""The suite runs inside the hosts' environments, started by test_matrix.py or matrix.py; not where pytest was
called."""

import os

collect_ignore = [] if "FASTBEARER_HOST" in os.environ else ["suite"]
