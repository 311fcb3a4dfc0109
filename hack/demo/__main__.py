"""Runs `make demo`: starts a Kubernetes, installs Backfleet, runs and ranks two batches, and leaves everything running."""

import subprocess
import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parent.parent.parent)

from hack.cluster.progress import ClusterError  # noqa: E402
from hack.local import REPOSITORY, LocalBackfleet  # noqa: E402

CLUSTER = "demo"
NAMESPACE = "backfleet"
PORT = 8230
EXAMPLES = ("rsi-small", "sma-crossover")
BATCH_SECONDS = 900


def main() -> int:
    """Run the demo. The exit code is 0 if both batches are complete."""
    backfleet = LocalBackfleet(CLUSTER, NAMESPACE)
    kubeconfig = backfleet.up()
    backfleet.install(backfleet.images())
    url = backfleet.forward(PORT)
    for example in EXAMPLES:
        run_example(example, url, backfleet.environment())
    tell_what_next(kubeconfig, url)
    return 0


def run_example(name: str, url: str, environment: dict[str, str]) -> None:
    """Apply an example, follow it until it has ended, and print its ranked results."""
    manifest = REPOSITORY / "manifests" / "examples" / f"{name}.yaml"
    print(f"\n== {name}: kubectl apply -n {NAMESPACE} -f {manifest.relative_to(REPOSITORY)}", flush=True)
    subprocess.run(["kubectl", "apply", "-n", NAMESPACE, "-f", str(manifest)], env=environment, check=True)
    command_line(url, "watch", name, "--timeout", str(BATCH_SECONDS))
    command_line(url, "results", name, "--top", "10")


def command_line(url: str, *arguments: str) -> None:
    """Run the `backfleet` command as a user does."""
    program = Path(sys.executable).parent / "backfleet"
    subprocess.run([str(program), "--api-url", url, *arguments], check=True)


def tell_what_next(kubeconfig: Path, url: str) -> None:
    """Print commands to continue with."""
    print(f"""
== Backfleet is still running. Continue with:

  export KUBECONFIG={kubeconfig}
  kubectl get optimizationbatches -n {NAMESPACE}
  kubectl describe ob sma-crossover -n {NAMESPACE}
  curl -s '{url}/api/optimization/batches/sma-crossover/results?limit=3'
  .venv/bin/backfleet results sma-crossover --passed

  make demo-down        # delete the cluster and everything that it left
""")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (subprocess.CalledProcessError, ClusterError) as error:
        print(f"\nthe demo stopped: {error}", file=sys.stderr)
        sys.exit(1)
