"""Bad manifests: refused by the API server with the field's path, or refused by the operator within a minute."""

from pathlib import Path

import pytest
import yaml

from tests.e2e.test_batches import noop
from tests.support.live import Live
from tests.support.observer import wait_until

MANIFESTS = Path(__file__).resolve().parents[1] / "support" / "manifests"
REFUSED = sorted((MANIFESTS / "refused").glob("*.yaml"))
INVALID = sorted((MANIFESTS / "invalid").glob("*.yaml"))


def header(path: Path, key: str) -> str:
    """Return the value of a `# key: …` comment."""
    lines = [line for line in path.read_text().splitlines() if line.startswith(f"# {key}:")]
    return lines[0].partition(":")[2].strip()


def named(path: Path) -> dict:
    """Return the manifest under the name of its file, so that all can be there at once."""
    body = yaml.safe_load(path.read_text())
    body["metadata"] = {"name": path.stem}
    return body


@pytest.mark.parametrize("path", REFUSED, ids=lambda path: path.stem)
def test_the_api_server_refuses_what_the_schema_forbids(live: Live, path: Path) -> None:
    # Without kubectl's own check, so that the server is asked.
    done = live.kubectl("create", "--validate=false", "-f", str(path), check=False)
    assert done.returncode != 0
    assert header(path, "field") in done.stderr
    name = yaml.safe_load(path.read_text())["metadata"]["name"]
    assert live.kubectl("get", "ob", name, check=False).returncode != 0


@pytest.fixture(scope="module")
def good(live: Live) -> str:
    """Return a batch that runs next to all the bad ones."""
    return live.apply(noop("good-neighbour", 6))


@pytest.fixture(scope="module")
def uids(live: Live, good: str) -> dict[str, str]:
    assert good
    return {path.stem: live.apply(named(path)) for path in INVALID}


@pytest.mark.parametrize("path", INVALID, ids=lambda path: path.stem)
def test_the_operator_validates_what_the_schema_cannot_say(live: Live, uids: dict[str, str], path: Path) -> None:
    wait_until("it is refused", lambda: live.condition(path.stem, "Finished").get("status") == "True", 60)
    finished = live.condition(path.stem, "Finished")
    assert finished["reason"] == "SpecInvalid"
    assert header(path, "field") in finished["message"]
    assert header(path, "hint") in finished["message"]
    assert live.jobs(uids[path.stem]) == []


def test_bad_batches_disturb_no_other(live: Live, uids: dict[str, str]) -> None:
    assert len(uids) >= 15
    assert live.wait_finished("good-neighbour", 90)["status"]["succeeded"] == 6


def test_an_invalid_batch_is_validated_again_when_edited(live: Live, uids: dict[str, str]) -> None:
    assert uids
    live.apply(noop("fixed", 2, strategy={"name": "Nope"}))
    wait_until("it is refused", lambda: live.condition("fixed", "Finished").get("reason") == "SpecInvalid", 60)
    live.apply(noop("fixed", 2))
    wait_until("it succeeds", lambda: live.condition("fixed", "Complete").get("reason") == "AllSucceeded", 90)


@pytest.fixture(scope="module", autouse=True)
def clean(live: Live):
    yield
    live.kubectl("delete", "ob", "--all", "--wait=true")
