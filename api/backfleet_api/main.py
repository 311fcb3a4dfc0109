"""The command `backfleet-api`: serves the API until it is told to stop."""

import logging
import os
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
    """Serve until SIGTERM or SIGINT; requests under way get GRACE_SECONDS to end."""
    configure_logging()
    try:
        settings = load_settings(os.environ)
    except SpecInvalid as error:
        logging.getLogger(__name__).error("%s", error)
        sys.exit(EXIT_SETTINGS)
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
    server = uvicorn.Server(config)
    server.run()
    sys.exit(0 if server.started else 1)


if __name__ == "__main__":
    main()
