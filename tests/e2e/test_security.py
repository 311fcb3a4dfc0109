"""What a strategy's code can see and do from inside its container, looked at from there on a real cluster."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from backfleet.core import wire
from hack.helm.chart import render_objects
from tests.e2e.test_batches import noop
from tests.support.live import Live
from tests.support.observer import wait_until

PROBE = """
import json, os, socket, urllib.request, ssl
import psycopg2

status = dict(line.split(":\\t", 1) for line in open("/proc/self/status").read().splitlines() if ":\\t" in line)

def is_writable(folder):
    try:
        name = os.path.join(folder, ".probe")
        open(name, "w").close()
        os.remove(name)
        return True
    except OSError:
        return False

def folders():
    for top, names, _ in os.walk("/", onerror=lambda error: None):
        names[:] = [n for n in names if top != "/" or n not in ("proc", "sys", "dev")]
        yield top

def api_status(path):
    url = f"https://{os.environ['KUBERNETES_SERVICE_HOST']}:{os.environ['KUBERNETES_SERVICE_PORT']}{path}"
    try:
        return urllib.request.urlopen(url, timeout=10, context=ssl._create_unverified_context()).status
    except urllib.error.HTTPError as error:
        return error.code

def postgres(**arguments):
    try:
        psycopg2.connect(host=POSTGRES, dbname="backfleet", connect_timeout=10, **arguments).close()
        return "connected"
    except psycopg2.OperationalError as error:
        return str(error)

def environments():
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            yield open(f"/proc/{pid}/environ", "rb").read().decode(errors="replace")
        except OSError:
            continue

print(json.dumps({
    "environment": dict(os.environ),
    "others": list(environments()),
    "processes": sum(map(str.isdigit, os.listdir("/proc"))),
    "status": status,
    "ids": [os.getuid(), os.getgid(), *os.getgroups()],
    "has_token": os.path.exists("/var/run/secrets"),
    "writable": [top for top in folders() if is_writable(top)],
    "devices": sorted(os.listdir("/dev")),
    "mounts": [line.split()[1:4] for line in open("/proc/mounts")],
    "api": {path: api_status(path) for path in PATHS},
    "postgres": {user: postgres(user=user) for user in USERS},
}))
"""
NAMESPACED = "/apis/backfleet.io/v1alpha1/namespaces/e2e/optimizationbatches"
PATHS = [
    "/api/v1/namespaces/e2e/secrets",
    "/api/v1/namespaces/e2e/pods",
    "/apis/batch/v1/namespaces/e2e/jobs",
    NAMESPACED,
]
USERS = ["postgres", "backfleet_operator", "backfleet_recorder", "backfleet_api"]


@pytest.fixture(scope="module")
def sight(live: Live) -> Iterator[dict[str, Any]]:
    """Yield what a probe next to the strategy reports: kubectl exec runs it as the engine, in its container."""
    manifest = noop("watched", 1)
    manifest["spec"]["parameters"][1]["value"] = 600.0
    uid = live.apply(manifest)

    def engine_runs() -> str | None:
        for pod in live.pods(uid):
            states = {each.name: each.state.running for each in pod.status.init_container_statuses or []}
            if states.get("engine"):
                return str(pod.metadata.name)
        return None

    pod = wait_until("the engine runs", engine_runs, 60)
    text = f"PATHS = {PATHS!r}\nUSERS = {USERS!r}\nPOSTGRES = 'backfleet-postgres.{live.namespace}'\n{PROBE}"
    try:
        done = live.kubectl("exec", "-i", pod, "-c", "engine", "--", "python", "-", stdin=text)
        yield json.loads(done.stdout)
    finally:
        live.delete("watched")


def test_the_environment_holds_the_pack_and_no_credential(sight: dict[str, Any]) -> None:
    names = set(sight["environment"])
    known = {
        wire.ENV_PACK,
        wire.ENV_PACK_MEMBERS,
        wire.ENV_PACK_SECONDS,
        wire.ENV_PACK_FIRST,
        wire.ENV_PACK_LEFT,
        wire.ENV_COMMAND_TIMEOUT,
        wire.ENV_SCRATCH_PATHS,
        wire.ENV_BACKTEST_TIMEOUT,
        "HOME",
        "PATH",
        "PYTHONPATH",
        "PYTHONUNBUFFERED",
        "HOSTNAME",
        "BACKFLEET_API_CONFIGS",  # of the image: where its configs are
    }
    extra = {name for name in names - known if not name.startswith("KUBERNETES_")}
    assert extra <= {"LANG", "LC_CTYPE", "TERM", "GPG_KEY", "PYTHON_VERSION", "PYTHON_SHA256"}, (
        "something new: is it meant to be seen?"
    )
    assert wire.ENV_PACK in names
    for text in (json.dumps(sight["environment"]), *sight["others"]):
        assert not re.search(r"postgres(ql)?://|password|secret|token", text, re.IGNORECASE)


def test_it_sees_its_own_container_s_processes_alone(sight: dict[str, Any]) -> None:
    assert 1 <= sight["processes"] <= 8, (
        "shim, its keeper of stderr (sh, tee, tail), timeout, supervisor, member and the probe"
    )
    assert all("backfleet-recorder" not in text for text in sight["others"])


def test_it_has_no_token_and_the_api_server_tells_it_nothing(sight: dict[str, Any]) -> None:
    assert not sight["has_token"]
    assert set(sight["api"].values()) <= {401, 403}
    assert len(sight["api"]) == len(PATHS)


def test_it_is_nobody_and_may_nothing(sight: dict[str, Any]) -> None:
    status = sight["status"]
    assert {status[f"Cap{kind}"].strip() for kind in ("Inh", "Prm", "Eff", "Bnd", "Amb")} == {"0" * 16}
    assert status["NoNewPrivs"].strip() == "1"
    assert 0 not in sight["ids"]


def test_it_may_write_results_and_scratch_and_nothing_else(sight: dict[str, Any]) -> None:
    assert {re.match(r"/[^/]*", folder).group() for folder in sight["writable"]} == {"/results", "/tmp"}  # type: ignore[union-attr]
    # What Kubernetes itself gives a container to write: names it gets, and where its last word goes.
    known = {"/results", "/tmp", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/dev/termination-log"}
    virtual = ("proc", "sysfs", "cgroup", "cgroup2", "tmpfs", "devpts", "mqueue", "devtmpfs")
    writable = {
        place for place, kind, options in sight["mounts"] if options.split(",")[0] == "rw" and kind not in virtual
    }
    assert writable <= known


def test_no_device_of_the_node_is_there(sight: dict[str, Any]) -> None:
    harmless = {"core", "fd", "full", "mqueue", "null", "ptmx", "pts", "random", "shm", "stderr", "stdin", "stdout"}
    assert set(sight["devices"]) <= harmless | {"termination-log", "tty", "urandom", "zero", "console"}


def test_postgres_answers_it_and_lets_it_in_under_no_name(sight: dict[str, Any]) -> None:
    assert set(sight["postgres"]) == set(USERS)
    for user, answer in sight["postgres"].items():
        assert re.search("no password supplied|pg_hba.conf rejects connection", answer), f"{user}: {answer}"


def test_the_policy_that_the_chart_renders_leaves_dns_and_postgres(live: Live) -> None:
    """Read from the rendered objects, since no network plugin here enforces a policy."""
    rendered = render_objects({"networkPolicy": {"enabled": True}}, "backfleet", live.namespace)
    policies = [each["spec"] for each in rendered if each["kind"] == "NetworkPolicy"]
    (mine,) = [
        each for each in policies if each["podSelector"]["matchLabels"].get("app.kubernetes.io/component") == "backtest"
    ]
    assert mine["policyTypes"] == ["Ingress", "Egress"]
    assert not mine.get("ingress")
    ports = [sorted((port["protocol"], port["port"]) for port in rule["ports"]) for rule in mine["egress"]]
    assert ports == [[("TCP", 53), ("UDP", 53)], [("TCP", 5432)]]
    assert all(rule["to"] for rule in mine["egress"]), "a rule without peers lets out to everywhere"
    uid = live.apply(noop("labelled", 1))
    labels = wait_until("its pod is there", lambda: live.pods(uid), 60)[0].metadata.labels
    assert mine["podSelector"]["matchLabels"].items() <= labels.items()
    live.delete("labelled")


def test_exec_is_what_the_probe_needs_and_no_account_of_the_release_has_it(live: Live) -> None:
    for account in ("operator", "api", "backtest"):
        name = f"system:serviceaccount:{live.namespace}:backfleet-{account}"
        done = live.kubectl("auth", "can-i", "create", "pods/exec", f"--as={name}", check=False)
        assert done.stdout.strip() == "no"
