"""The page in Chromium, served by the real API over a real Postgres. `make test-page` runs these tests."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from backfleet_api.app import create_app
from backfleet_api.cluster import connect_cluster
from backfleet_api.page.files import PageFiles
from backfleet_api.settings import ApiSettings
from tests.integration.api.conftest import serving
from tests.page.rows import fill
from tests.support.clocked import ClockedDatabase
from tests.support.history import NOW, History
from tests.world.api_server import ApiServer

TOKEN = "a-token-of-these-tests"
NETWORK_CHANGED = "ERR_NETWORK_CHANGED"
NEEDED = "the browser test needs Debian's chromium (apt-get install chromium) and playwright (pip install playwright)"


@pytest.fixture(scope="session")
def app(clocked_database: ClockedDatabase, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FastAPI]:
    """Yield the API over three batches, and a Kubernetes to write to."""
    assert PageFiles().is_complete, "the page has no libraries: run make vendor"
    clocked_database.begin()
    clocked_database.seed()
    fill(clocked_database, History(clocked_database))
    with ApiServer.running() as kubernetes:
        path = kubernetes.write_kubeconfig(tmp_path_factory.mktemp("page") / "kubeconfig")
        settings = ApiSettings(database_url=clocked_database.database.api_url, namespace="backfleet", token=TOKEN)
        cluster = connect_cluster({"KUBECONFIG": str(path)}, settings.cluster_seconds, settings.cluster_write_seconds)
        yield create_app(settings, cluster, lambda: NOW)


@pytest.fixture(scope="session")
def url(app: FastAPI) -> Iterator[str]:
    """Yield the address of the page."""
    with serving(app) as served:
        yield served


@pytest.fixture
def url_below_a_path(app: FastAPI) -> Iterator[str]:
    """Yield the address of the page where an Ingress gives it a path of its own."""
    outer = FastAPI()
    outer.mount("/lab/backfleet", app)
    with serving(outer) as served:
        yield f"{served}/lab/backfleet"


@dataclass
class Visit:
    """A tab, and what it should not have: errors, and requests to other places."""

    page: Any
    url: str
    errors: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)

    def open(self, place: str, shows: str) -> None:
        """Go to a place of the page, and wait until it shows a text."""
        self.page.goto(f"{self.url}/#/{place}")
        try:
            self.page.get_by_text(shows).first.wait_for(timeout=15_000)
        except Exception:
            # Chromium drops what it loads when an interface of the machine comes or goes.
            if not any(NETWORK_CHANGED in each for each in self.errors):
                raise
            self.page.reload()
            self.page.get_by_text(shows).first.wait_for(timeout=15_000)
        self.errors[:] = [each for each in self.errors if NETWORK_CHANGED not in each]

    def watch(self) -> None:
        self.page.on("console", self._keep_error)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", self._keep_elsewhere)

    def _keep_error(self, message: Any) -> None:
        if message.type == "error":
            self.errors.append(message.text)

    def _keep_elsewhere(self, request: Any) -> None:
        if request.url.startswith("http") and not request.url.startswith(f"{self.url}/"):
            self.elsewhere.append(request.url)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Yield Debian's Chromium, without a window."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        pytest.fail(NEEDED)
    program = shutil.which("chromium")
    assert program, NEEDED
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture
def visit(browser: Any, url: str) -> Iterator[Visit]:
    """Yield a new tab, and check at the end that it had no error and asked nobody else."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, accept_downloads=True)
    found = Visit(context.new_page(), url)
    found.watch()
    yield found
    context.close()
    assert found.errors == []
    assert found.elsewhere == []


@pytest.fixture(scope="session")
def shots() -> Path | None:
    """Return the folder for pictures, if BACKFLEET_PICTURES names one."""
    folder = os.environ.get("BACKFLEET_PICTURES")
    return Path(folder) if folder else None
