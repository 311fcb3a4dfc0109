"""Checks who may write: a bearer token, compared in constant time before anything else of a request is read."""

import hmac
from typing import Annotated

from fastapi import Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from backfleet_api.dependencies import Provided
from backfleet_api.refusals import Forbidden, Unauthenticated
from backfleet_api.settings import ENV_TOKEN, ENV_TOKEN_FILE

_bearer = HTTPBearer(auto_error=False, description=f"The token of {ENV_TOKEN}. In the chart, a Secret holds it.")


def may_write(
    request: Request,
    services: Provided,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
) -> None:
    """Accept the request. Raise Unauthenticated without the right token, or Forbidden if no token is configured."""
    token = services.settings.token
    if token is None:
        raise Forbidden(
            None, "writing is off: this API has no token", f"set {ENV_TOKEN} or {ENV_TOKEN_FILE}, and restart the API"
        )
    if credentials is None or len(request.headers.getlist("Authorization")) != 1:
        raise Unauthenticated("writing needs a token. Send the header Authorization: Bearer <token>.", "")
    # As the bytes that came: a header is Latin-1, and compare_digest takes no other text.
    if not hmac.compare_digest(credentials.credentials.encode("latin-1"), token.encode()):
        raise Unauthenticated("the token is not valid", "invalid_token")
