"""The command `backfleet-api`: serves the API until it gets SIGTERM or SIGINT."""

import logging
import os
import signal
import sys
from typing import NoReturn

import uvicorn

from backfleet.core.errors import SpecInvalid
from backfleet_api.app import create_app
from backfleet_api.logs import configure_logging
from backfleet_api.settings import load_settings

EXIT_SETTINGS = 2
GRACE_SECONDS = 10


def main() -> NoReturn:
    """Serve until SIGTERM or SIGINT. Then give running requests GRACE_SECONDS to end, and exit with code 0.

    Other exit codes: 2 if a setting is not valid, 3 if uvicorn cannot listen on the port.
    """
    configure_logging()
    # uvicorn ends cleanly at either signal and then raises it again, so that who wraps it may see it.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        _build_server().run()
    except SpecInvalid as error:
        logging.getLogger(__name__).error("%s", error)
        sys.exit(EXIT_SETTINGS)
    except KeyboardInterrupt:
        # A failed start has left by its own exit code before; this is the signal, raised again after the server's end.
        logging.getLogger(__name__).info("ended by a signal")
    sys.exit(0)


def _build_server() -> uvicorn.Server:
    settings = load_settings(os.environ)
    config = uvicorn.Config(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        # The app writes its own access log, and the log's form is ours.
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    return uvicorn.Server(config)


if __name__ == "__main__":
    main()
