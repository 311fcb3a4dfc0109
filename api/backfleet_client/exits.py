"""Exit codes of the command line, as documented; scripts rely on them."""

from backfleet.core.errors import BackfleetError, NotFound, SpecInvalid, Unavailable

EXIT_BATCH_FAILED = 1
EXIT_USAGE = 2
EXIT_NOT_FOUND = 3
EXIT_UNAVAILABLE = 4
EXIT_TIMED_OUT = 5
EXIT_REFUSED = 6
EXIT_INTERRUPTED = 130
EXIT_PIPE_CLOSED = 141

EXIT_CODES = """\b
Exit codes:
  0    done; of watch and run --watch: the batch is complete
  1    watch, run --watch: the batch failed or was cancelled
  2    the command, the file or a value in it is wrong
  3    no such batch or backtest
  4    the API, or the database behind it, does not answer
  5    watch: the batch had not ended after --timeout
  6    refused: no token or a wrong one, writing is off, or the name is taken
  130  interrupted (Ctrl-C)
"""


class TimedOut(BackfleetError):
    """The batch did not end before the deadline."""


def exit_code(error: BackfleetError) -> int:
    """The code that says what kind of error this is."""
    match error:
        case NotFound():
            return EXIT_NOT_FOUND
        case SpecInvalid():
            return EXIT_USAGE
        case TimedOut():
            return EXIT_TIMED_OUT
        case Unavailable():
            return EXIT_UNAVAILABLE
        case _:
            return EXIT_REFUSED
