"""`helm test` on a real release: it passes, says what it saw, and leaves nothing."""

import json
import subprocess
import sys

from hack.local import RELEASE, REPOSITORY
from tests.support.live import Live

TEST_SECONDS = 240


def helm_test(live: Live, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, str(REPOSITORY / "hack/helm"), "test", *arguments, "--wait", str(TEST_SECONDS)]
    return subprocess.run(
        command, env=live.environment, capture_output=True, text=True, timeout=TEST_SECONDS + 60, check=False
    )


def test_a_release_passes_its_own_test_and_nothing_of_it_stays(live: Live) -> None:
    done = helm_test(live, RELEASE, "--namespace", live.namespace)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[-1] == "PASSED"
    assert "the API answers 2 results" in lines
    assert lines.count("PASSED") == 1
    left = live.kubectl("get", "ob,pods,serviceaccounts,roles,rolebindings", "-o", "json").stdout
    names = {each["metadata"]["name"] for each in json.loads(left)["items"]}
    assert f"{RELEASE}-test" not in names
    assert not [name for name in names if name.startswith("helm-test-") and "-1-1" not in name]


def test_a_release_that_is_not_there_fails_at_once(live: Live) -> None:
    done = helm_test(live, "nobody", "--namespace", live.namespace)
    assert done.returncode == 1
    assert "not found" in done.stderr
