"""What a batch gets where its spec leaves a field out; the CRD repeats it, and a contract test compares the two.

The objective's default is `core.ranking.Objective`, and that of a time to start or run is in the model alone.
"""

MAX_CONCURRENT = 4
INITIAL_CASH = 1_000
TTL_SECONDS_AFTER_FINISHED = 600
MIN_TTL_SECONDS_AFTER_FINISHED = 60
