"""What the translator does with an error that it has no answer for."""

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from backfleet.core.errors import BackfleetError, Conflict
from backfleet_api.http.counting import Requests
from backfleet_api.http.errors import install_translators
from backfleet_api.http.middleware import Edge


@pytest.mark.parametrize(("error", "status"), [(Conflict("taken"), 409), (BackfleetError("a kind of its own"), 500)])
def test_errors_become_problems(error: Exception, status: int) -> None:
    app = FastAPI()
    install_translators(app, (), 5)
    app.add_middleware(Edge, requests=Requests())

    @app.get("/")
    def fail() -> None:
        raise error

    with TestClient(app, raise_server_exceptions=False) as client:
        response = client.get("/")
    assert (response.status_code, response.headers["content-type"]) == (status, "application/problem+json")
    assert "kind" not in response.text
    assert ("taken" in response.text) == (status == 409)
