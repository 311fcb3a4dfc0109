"""The custom resources that an API sees, without a Kubernetes."""

from dataclasses import dataclass
from typing import Any

from backfleet_api.cluster import ClusterBatch
from tests.support.history import SPEC, uid_of


@dataclass
class CustomResources:
    """Custom resources by (namespace, name). Every call raises `error` while it is set."""

    batches: dict[tuple[str, str], ClusterBatch]
    error: Exception | None = None
    calls: int = 0

    def get_batch(self, namespace: str, name: str) -> ClusterBatch | None:
        self._call()
        return self.batches.get((namespace, name))

    def list_batches(self, namespace: str) -> list[ClusterBatch]:
        self._call()
        return [batch for key, batch in self.batches.items() if key[0] == namespace]

    def add(self, number: int, name: str, **changes: Any) -> ClusterBatch:
        batch = ClusterBatch(uid=uid_of(number), name=name, namespace="backfleet", spec=SPEC, **changes)
        self.batches[batch.namespace, batch.name] = batch
        return batch

    def _call(self) -> None:
        self.calls += 1
        if self.error:
            raise self.error
