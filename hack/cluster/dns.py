"""Keeps dnsmasq's hosts file equal to the cluster's Services and Endpoints."""

import http.client
import json
import os
import signal
import ssl
import sys
import threading
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hack.cluster.daemons import ROOT
from hack.cluster.layout import Layout

HOSTS = Path("/run/cluster-hosts")
DNSMASQ_PID = Path("/run/dnsmasq.pid")
DOMAIN = "svc.cluster.local"
WATCH_SECONDS = 300

Items = list[Mapping[str, Any]]


def hosts_text(services: Items, endpoints: Items) -> str:
    """Return lines `address name` for cluster addresses, pods of headless services, and pod names."""
    headless: set[tuple[str, str]] = set()
    lines: set[str] = set()
    for service in services:
        meta, address = service["metadata"], service["spec"].get("clusterIP")
        if address == "None":
            headless.add((meta["namespace"], meta["name"]))
        elif address:
            lines.add(f"{address} {meta['name']}.{meta['namespace']}.{DOMAIN}")
    for each in endpoints:
        meta = each["metadata"]
        if (meta["namespace"], meta["name"]) in headless:
            lines.update(_headless_lines(each, f"{meta['name']}.{meta['namespace']}.{DOMAIN}"))
    return "".join(line + "\n" for line in sorted(lines))


def _headless_lines(endpoints: Mapping[str, Any], domain: str) -> list[str]:
    lines = []
    for subset in endpoints.get("subsets") or []:
        for address in subset.get("addresses") or []:
            lines.append(f"{address['ip']} {domain}")
            if address.get("hostname"):
                lines.append(f"{address['ip']} {address['hostname']}.{domain}")
    return lines


class Api:
    """The API calls of the watcher, with kube-proxy's identity."""

    def __init__(self, layout: Layout) -> None:
        self._url = layout.api_url
        self._tls = ssl.create_default_context(cafile=f"{ROOT}/pki/ca.crt")
        self._tls.load_cert_chain(f"{ROOT}/pki/proxy.crt", f"{ROOT}/pki/proxy.key")

    def open(self, path: str, timeout: float) -> http.client.HTTPResponse:
        answer: http.client.HTTPResponse = urllib.request.urlopen(self._url + path, timeout=timeout, context=self._tls)
        return answer

    def list(self, kind: str) -> dict[str, Any]:
        with self.open(f"/api/v1/{kind}", timeout=10) as answer:
            listed: dict[str, Any] = json.load(answer)
            return listed


def watch(layout: Layout) -> None:
    """Rewrite the file on every change. If the API does not answer, this process ends and is started again."""
    HOSTS.touch()
    api = Api(layout)
    changed = threading.Event()
    for kind in ("services", "endpoints"):
        threading.Thread(target=_watch_kind, args=(api, kind, changed), daemon=True).start()
    while True:
        changed.wait()
        changed.clear()
        publish(hosts_text(api.list("services")["items"], api.list("endpoints")["items"]))


def _watch_kind(api: Api, kind: str, changed: threading.Event) -> None:
    while True:
        try:
            version = api.list(kind)["metadata"]["resourceVersion"]
            changed.set()
            query = f"watch=1&resourceVersion={version}&timeoutSeconds={WATCH_SECONDS}"
            with api.open(f"/api/v1/{kind}?{query}", timeout=WATCH_SECONDS + 30) as events:
                for _ in events:
                    changed.set()
        except (OSError, http.client.HTTPException, ValueError) as error:
            print(f"dns: watching {kind}: {error}", file=sys.stderr, flush=True)
            time.sleep(0.5)


def publish(text: str) -> None:
    if HOSTS.read_text() == text:
        return
    partial = HOSTS.with_suffix(".partial")
    partial.write_text(text)
    partial.replace(HOSTS)
    os.kill(int(DNSMASQ_PID.read_text()), signal.SIGHUP)
