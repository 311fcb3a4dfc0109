"""Accesses Kubernetes for the API: reads OptimizationBatch objects, creates them and edits their specs, nothing else."""

import json
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from backfleet.core import wire
from backfleet.core.errors import BackfleetError, Conflict, NotFound, SpecInvalid, Unavailable
from backfleet_api.refusals import Forbidden

logger = logging.getLogger(__name__)

PAGE_SIZE = 500
MAX_MESSAGE_LENGTH = 500
MERGE_PATCH = "application/merge-patch+json"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterBatch:
    """A custom resource as the API server returned it. `created_at` is RFC 3339 in UTC."""

    uid: str
    name: str
    namespace: str
    created_at: str = ""
    spec: Mapping[str, Any] = field(default_factory=dict)
    status: Mapping[str, Any] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewBatch:
    """A custom resource to create."""

    name: str
    namespace: str
    spec: Mapping[str, Any]
    annotations: Mapping[str, str] = field(default_factory=dict)

    def manifest(self) -> dict[str, Any]:
        """Return the manifest that Kubernetes expects."""
        metadata = {"name": self.name, "namespace": self.namespace, "annotations": dict(self.annotations)}
        return {"apiVersion": wire.API_VERSION, "kind": wire.KIND, "metadata": metadata, "spec": dict(self.spec)}


class NamespaceForbidden(Unavailable):
    """Kubernetes forbids access to this namespace. Other namespaces may be allowed."""


class BatchCluster(Protocol):
    """Finds and creates custom resources. Every method raises Unavailable if Kubernetes does not answer in time.

    Methods that write also raise SpecInvalid, Forbidden or NotFound if Kubernetes refuses the write.
    """

    def get_batch(self, namespace: str, name: str) -> ClusterBatch | None:
        """Return the batch of that name, or None."""

    def list_batches(self, namespace: str) -> Iterable[ClusterBatch]:
        """Return all batches of the namespace."""

    def create_batch(self, batch: NewBatch) -> ClusterBatch:
        """Create the batch. Raise Conflict if the name is taken."""

    def edit_batch(self, namespace: str, name: str, uid: str, spec: Mapping[str, Any]) -> None:
        """Merge fields into the spec of the batch of that name and uid. Raise NotFound if it is gone. Safe to repeat."""


_NO_CLUSTER = "this API has no Kubernetes. Run it in a cluster, or set KUBECONFIG."


class NoCluster:
    """No Kubernetes is configured, so there are no custom resources."""

    def get_batch(self, namespace: str, name: str) -> ClusterBatch | None:
        """Return None."""

    def list_batches(self, namespace: str) -> Iterable[ClusterBatch]:  # noqa: ARG002 - the protocol's
        """Return no batches."""
        return ()

    def create_batch(self, batch: NewBatch) -> ClusterBatch:
        """Raise Unavailable."""
        raise Unavailable(f"cannot create batch {batch.name}: {_NO_CLUSTER}")

    def edit_batch(self, namespace: str, name: str, uid: str, spec: Mapping[str, Any]) -> None:
        """Raise Unavailable."""
        raise Unavailable(f"cannot set {', '.join(spec)} of batch {namespace}/{name} ({uid}): {_NO_CLUSTER}")


class KubernetesCluster:
    """Accesses custom resources with the official client. A call takes at most `seconds`, twice that to connect.

    A write takes at most `write_seconds`, because the API server may call admission webhooks before it answers.
    """

    def __init__(self, custom_objects: Any, seconds: float, write_seconds: float) -> None:  # noqa: ANN401 - loaded late
        self._api = custom_objects
        self._seconds = seconds
        self._write_seconds = write_seconds

    def get_batch(self, namespace: str, name: str) -> ClusterBatch | None:
        """Read the batch by name. Return None if it does not exist."""
        body = self._call(self._api.get_namespaced_custom_object, namespace, name=name)
        return _cluster_batch(body) if body else None

    def list_batches(self, namespace: str) -> Iterable[ClusterBatch]:
        """Yield all batches of the namespace, page by page."""
        token: str | None = None
        while True:
            paging = {"limit": PAGE_SIZE} | ({"_continue": token} if token else {})
            body = self._call(self._api.list_namespaced_custom_object, namespace, **paging)
            yield from map(_cluster_batch, body.get("items", []))
            token = body.get("metadata", {}).get("continue")
            if not token:
                return

    def create_batch(self, batch: NewBatch) -> ClusterBatch:
        """Create the batch. Raise Conflict if the name is taken."""
        create = self._api.create_namespaced_custom_object
        return _cluster_batch(self._write(create, batch.namespace, body=batch.manifest()))

    def edit_batch(self, namespace: str, name: str, uid: str, spec: Mapping[str, Any]) -> None:
        """Send a merge patch with the uid as its precondition. Raise NotFound if another batch has the name."""
        patch = {"metadata": {"uid": uid}, "spec": dict(spec)}
        method = self._api.patch_namespaced_custom_object
        try:
            self._write(method, namespace, name=name, body=patch, _content_type=MERGE_PATCH)
        except (NotFound, Conflict) as error:
            raise NotFound(f"the custom resource of batch {name} is gone; the operator ends the batch") from error

    def _call(self, method: Callable[..., dict[str, Any]], namespace: str, **arguments: object) -> dict[str, Any]:
        from kubernetes.client.exceptions import ApiException  # noqa: PLC0415 - only where a cluster is

        try:
            return self._send(method, namespace, self._seconds, arguments)
        except ApiException as error:
            if error.status == 404:
                return {}
            kind = NamespaceForbidden if error.status == 403 else Unavailable
            raise kind(f"Kubernetes answered {error.status} {error.reason}") from error

    def _write(self, method: Callable[..., dict[str, Any]], namespace: str, **arguments: object) -> dict[str, Any]:
        from kubernetes.client.exceptions import ApiException  # noqa: PLC0415 - only where a cluster is

        try:
            return self._send(method, namespace, self._write_seconds, arguments)
        except ApiException as error:
            raise _refusal(error.status, error.reason or "", error.body) from error

    def _send(
        self, method: Callable[..., dict[str, Any]], namespace: str, seconds: float, arguments: Mapping[str, object]
    ) -> dict[str, Any]:
        from urllib3.exceptions import HTTPError  # noqa: PLC0415 - only where a cluster is

        timeout = (self._seconds, seconds)
        try:
            answer = method(wire.GROUP, wire.VERSION, namespace, wire.PLURAL, **arguments, _request_timeout=timeout)
        except (HTTPError, OSError) as error:
            raise Unavailable(f"Kubernetes does not answer: {type(error).__name__}") from error
        if not isinstance(answer, dict):
            raise Unavailable("expected a JSON object from Kubernetes, got another answer")
        return answer


def connect_cluster(environment: Mapping[str, str], seconds: float, write_seconds: float = 4.0) -> BatchCluster:
    """Connect to the cluster that the process runs in, or that KUBECONFIG names. Return NoCluster without either.

    Never read ~/.kube/config: the API must not access a cluster that nobody named.
    """
    is_inside, path = bool(environment.get("KUBERNETES_SERVICE_HOST")), environment.get("KUBECONFIG")
    if not is_inside and not path:
        return NoCluster()
    from kubernetes import client, config  # noqa: PLC0415 - half a second, only where a cluster is

    configuration = client.Configuration()
    # One more try covers a connection that the server closed while it was idle; urllib3's own three would be a long wait.
    configuration.retries = 1
    try:
        if is_inside:
            config.load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
        else:
            config.load_kube_config(config_file=path, client_configuration=configuration)  # type: ignore[no-untyped-call]
    except config.ConfigException as error:
        if path and not is_inside:
            raise SpecInvalid("KUBECONFIG", str(error), "name a kubeconfig file with a current context") from error
        # A pod without a service-account token: it cannot see batches that Postgres does not know.
        logger.warning("no access to Kubernetes: %s", error)
        return NoCluster()
    return KubernetesCluster(client.CustomObjectsApi(client.ApiClient(configuration)), seconds, write_seconds)


def _cluster_batch(body: Mapping[str, Any]) -> ClusterBatch:
    metadata = body["metadata"]
    return ClusterBatch(
        uid=metadata["uid"],
        name=metadata["name"],
        namespace=metadata["namespace"],
        created_at=metadata.get("creationTimestamp") or "",
        spec=body.get("spec") or {},
        status=body.get("status") or {},
        labels=metadata.get("labels") or {},
        annotations=metadata.get("annotations") or {},
    )


def _refusal(status: int, reason: str, body: object) -> BackfleetError:
    """Convert the refusal of a write. The caller has the token, so the error contains the text of Kubernetes."""
    answer = _status_object(body)
    message = str(answer.get("message") or reason)[:MAX_MESSAGE_LENGTH]
    match status:
        case 409:
            return Conflict(message)
        case 404:
            return NotFound(f"Kubernetes did not find it: {message}")
        case 403:
            return Forbidden("batch", f"Kubernetes forbids it: {message}", "ask the cluster's administrator for access")
        case 400 | 422:
            field, problem = _first_cause(answer) or ("spec", message)
            return SpecInvalid(
                field, f"Kubernetes refuses it: {problem}", "change the field. See docs/custom-resource.md"
            )
        case _:
            return Unavailable(f"Kubernetes answered {status} {reason}")


def _status_object(body: object) -> Mapping[str, Any]:
    try:
        parsed = json.loads(body) if isinstance(body, str | bytes) else None
    except ValueError:
        parsed = None
    return parsed if isinstance(parsed, dict) else {}


def _first_cause(answer: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return the first field that a Status object names, and its problem."""
    details = answer.get("details")
    causes = details.get("causes") if isinstance(details, dict) else None
    for cause in causes if isinstance(causes, list) else []:
        if isinstance(cause, dict) and isinstance(cause.get("field"), str):
            return cause["field"][:200], str(cause.get("message") or "")[:MAX_MESSAGE_LENGTH]
    return None
