"""The defaults of fields that a spec leaves out. The CRD repeats them; a contract test compares the two.

The default objective is in `core.ranking.Objective`. The defaults of the times to start and to run are only in the model.
"""

MAX_CONCURRENT = 4
BACKTESTS_PER_JOB = 1
INITIAL_CASH = 1_000
TTL_SECONDS_AFTER_FINISHED = 600
MIN_TTL_SECONDS_AFTER_FINISHED = 60
