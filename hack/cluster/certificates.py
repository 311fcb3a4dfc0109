"""Makes the cluster's own certificate authority, and kubeconfig files with client certificates."""

import base64
import json
from dataclasses import dataclass
from pathlib import Path

from hack.cluster.layout import Layout
from hack.cluster.progress import capture

DAYS = "3650"
CURVE = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]


@dataclass(frozen=True, slots=True)
class Identity:
    """One certificate. With `alt_names` it is a server's, without a client's."""

    file: str
    subject: str
    alt_names: str = ""


def identities(layout: Layout) -> list[Identity]:
    """Return every certificate that a cluster needs, with the names that RBAC's bootstrap roles expect."""
    service_names = ["kubernetes", "kubernetes.default", "kubernetes.default.svc"]
    names = [f"DNS:{name}" for name in [*service_names, f"{service_names[-1]}.cluster.local"]]
    addresses = [layout.node_address, layout.api_service_address, "127.0.0.1"]
    node = f"DNS:{layout.node_name},IP:{layout.node_address}"
    return [
        Identity("apiserver", "/CN=kube-apiserver", ",".join(names + [f"IP:{a}" for a in addresses])),
        Identity("kubelet-server", f"/CN={layout.node_name}", node),
        Identity("apiserver-kubelet", "/O=system:masters/CN=kube-apiserver-kubelet-client"),
        Identity("admin", "/O=system:masters/CN=backfleet-admin"),
        Identity("controller-manager", "/CN=system:kube-controller-manager"),
        Identity("scheduler", "/CN=system:kube-scheduler"),
        Identity("kubelet", f"/O=system:nodes/CN=system:node:{layout.node_name}"),
        Identity("proxy", "/CN=system:kube-proxy"),
    ]


def create_certificates(layout: Layout, folder: Path) -> None:
    """Fill `folder` once. Later calls change nothing, so clients stay valid after a restart."""
    if (folder / "complete").exists():
        return
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    _create_authority(folder)
    for identity in identities(layout):
        _create_certificate(folder, identity)
    key = folder / "service-account"
    capture(["openssl", "genrsa", "-out", f"{key}.key", "2048"])
    capture(["openssl", "rsa", "-in", f"{key}.key", "-pubout", "-out", f"{key}.pub"])
    (folder / "complete").touch()


def _create_authority(folder: Path) -> None:
    extensions = (
        "basicConstraints=critical,CA:TRUE",
        "keyUsage=critical,keyCertSign,cRLSign",
        "subjectKeyIdentifier=hash",
    )
    config = folder / "authority.cnf"
    config.write_text(
        "[req]\ndistinguished_name=dn\nx509_extensions=ca\nprompt=no\n"
        "[dn]\nCN=backfleet-ca\n[ca]\n" + "\n".join(extensions) + "\n"
    )
    capture(
        [
            "openssl",
            "req",
            "-x509",
            *CURVE,
            "-days",
            DAYS,
            "-config",
            str(config),
            "-keyout",
            str(folder / "ca.key"),
            "-out",
            str(folder / "ca.crt"),
        ]
    )


def _create_certificate(folder: Path, identity: Identity) -> None:
    base = folder / identity.file
    capture(
        ["openssl", "req", "-new", *CURVE, "-subj", identity.subject, "-keyout", f"{base}.key", "-out", f"{base}.csr"]
    )
    # Python 3.13 verifies strictly and refuses a certificate without key identifiers.
    lines = [
        "basicConstraints=critical,CA:FALSE",
        "keyUsage=critical,digitalSignature",
        "subjectKeyIdentifier=hash",
        "authorityKeyIdentifier=keyid:always",
        f"extendedKeyUsage={'serverAuth' if identity.alt_names else 'clientAuth'}",
    ]
    if identity.alt_names:
        lines.append(f"subjectAltName={identity.alt_names}")
    extensions = base.with_suffix(".ext")
    extensions.write_text("\n".join(lines) + "\n")
    capture(
        [
            "openssl",
            "x509",
            "-req",
            "-in",
            f"{base}.csr",
            "-days",
            DAYS,
            "-out",
            f"{base}.crt",
            "-CA",
            str(folder / "ca.crt"),
            "-CAkey",
            str(folder / "ca.key"),
            "-CAcreateserial",
            "-extfile",
            str(extensions),
        ]
    )


def kubeconfig_text(layout: Layout, folder: Path, identity: str) -> str:
    """Return a self-contained kubeconfig as JSON, which is also YAML."""

    def encoded(file: str) -> str:
        return base64.b64encode((folder / file).read_bytes()).decode()

    context = f"backfleet-{layout.name}"
    user = {
        "client-certificate-data": encoded(f"{identity}.crt"),
        "client-key-data": encoded(f"{identity}.key"),
    }
    cluster = {"server": layout.api_url, "certificate-authority-data": encoded("ca.crt")}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": context, "cluster": cluster}],
        "users": [{"name": identity, "user": user}],
        "contexts": [
            {
                "name": context,
                "context": {"cluster": context, "user": identity, "namespace": "default"},
            }
        ],
        "current-context": context,
    }
    return json.dumps(document, indent=2) + "\n"


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read. The file is complete or does not exist."""
    partial = path.with_name(path.name + ".partial")
    partial.unlink(missing_ok=True)
    partial.touch(mode=0o600)
    partial.write_text(text)
    partial.replace(path)
