"""The API's one door to Kubernetes: it reads OptimizationBatch objects that Postgres does not know yet."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from backfleet.core import wire
from backfleet.core.errors import SpecInvalid, Unavailable

logger = logging.getLogger(__name__)

PAGE_SIZE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterBatch:
    """A custom resource as the API server gave it."""

    uid: str
    name: str
    namespace: str
    spec: Mapping[str, Any] = field(default_factory=dict)
    status: Mapping[str, Any] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)


class Cluster(Protocol):
    """Where custom resources are found; Unavailable when Kubernetes does not answer in time."""

    def get_batch(self, namespace: str, name: str) -> ClusterBatch | None:
        """The batch of that name."""

    def find_batch(self, namespace: str, uid: str) -> ClusterBatch | None:
        """The batch with that uid."""


class NoCluster:
    """No Kubernetes is configured: there are no custom resources."""

    def get_batch(self, namespace: str, name: str) -> ClusterBatch | None:
        """Never there."""

    def find_batch(self, namespace: str, uid: str) -> ClusterBatch | None:
        """Never there."""


class KubernetesCluster:
    """Custom resources by the official client's CustomObjectsApi; every call ends within `seconds`, twice that to connect."""

    def __init__(self, custom_objects: Any, seconds: float) -> None:  # noqa: ANN401 - the client is loaded late
        self._api = custom_objects
        self._seconds = seconds

    def get_batch(self, namespace: str, name: str) -> ClusterBatch | None:
        """Read by name; an absent one is None."""
        body = self._call(self._api.get_namespaced_custom_object, namespace, name=name)
        return _cluster_batch(body) if body else None

    def find_batch(self, namespace: str, uid: str) -> ClusterBatch | None:
        """Read the namespace page by page: Kubernetes has no lookup by uid."""
        token: str | None = None
        while True:
            paging = {"limit": PAGE_SIZE} | ({"_continue": token} if token else {})
            body = self._call(self._api.list_namespaced_custom_object, namespace, **paging)
            found = next((item for item in body.get("items", []) if item["metadata"]["uid"] == uid), None)
            token = body.get("metadata", {}).get("continue")
            if found or not token:
                return _cluster_batch(found) if found else None

    def _call(self, method: Callable[..., dict[str, Any]], namespace: str, **arguments: object) -> dict[str, Any]:
        from kubernetes.client.exceptions import ApiException  # noqa: PLC0415 - only where a cluster is
        from urllib3.exceptions import HTTPError  # noqa: PLC0415

        timeout = (self._seconds, self._seconds)
        try:
            return method(wire.GROUP, wire.VERSION, namespace, wire.PLURAL, **arguments, _request_timeout=timeout)
        except ApiException as error:
            if error.status == 404:
                return {}
            raise Unavailable(f"Kubernetes answered {error.status} {error.reason}") from error
        except (HTTPError, OSError) as error:
            raise Unavailable(f"Kubernetes does not answer: {type(error).__name__}") from error


def connect_cluster(environment: Mapping[str, str], seconds: float) -> Cluster:
    """The cluster that the process runs in, or that KUBECONFIG names; without either there is none.

    ~/.kube/config is never read: the API must not look into a cluster that nobody named.
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
        # A pod without a service-account token: it may look at no batch that Postgres does not know.
        logger.warning("no access to Kubernetes: %s", error)
        return NoCluster()
    return KubernetesCluster(client.CustomObjectsApi(client.ApiClient(configuration)), seconds)


def _cluster_batch(body: Mapping[str, Any]) -> ClusterBatch:
    metadata = body["metadata"]
    return ClusterBatch(
        uid=metadata["uid"],
        name=metadata["name"],
        namespace=metadata["namespace"],
        spec=body.get("spec") or {},
        status=body.get("status") or {},
        labels=metadata.get("labels") or {},
    )
