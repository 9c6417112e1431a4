#!/usr/bin/env python3
"""Writes an OCI image of one layer, as an archive.

    layout.py ARCH VERSION ROOTFS OUT

Equal input gives equal bytes: times come from SOURCE_DATE_EPOCH.
"""

import gzip
import hashlib
import io
import json
import os
import pathlib
import sys
import tarfile
import time

USER = 1000
# Its home and the place of its socket.
OWNED = ("home/quilt", "run/quilt")


def layer(rootfs, epoch):
    def settle(entry):
        entry.uid = entry.gid = USER if entry.name in OWNED else 0
        entry.uname = entry.gname = ""
        entry.mtime = epoch
        return entry

    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for path in sorted(rootfs.rglob("*")):
            name = str(path.relative_to(rootfs))
            tar.add(path, name, recursive=False, filter=settle)
    return raw.getvalue()


def main():
    arch, version, rootfs, out = sys.argv[1:]
    epoch = int(os.environ["SOURCE_DATE_EPOCH"])
    created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(epoch))
    raw = layer(pathlib.Path(rootfs), epoch)
    blobs = []

    def blob(content, kind):
        digest = hashlib.sha256(content).hexdigest()
        blobs.append((f"blobs/sha256/{digest}", content))
        return {
            "mediaType": f"application/vnd.oci.image.{kind}",
            "digest": f"sha256:{digest}",
            "size": len(content),
        }

    def document(value, kind):
        return blob(json.dumps(value, sort_keys=True).encode(), kind)

    packed = blob(gzip.compress(raw, 9, mtime=0), "layer.v1.tar+gzip")
    labels = {
        "org.opencontainers.image.title": "quiltd",
        "org.opencontainers.image.version": version,
        "org.opencontainers.image.licenses": "Apache-2.0 OR MIT",
        "org.opencontainers.image.source": "https://github.com/quiltdata/quiltd",
    }
    config = {
        "architecture": {"x86_64": "amd64", "aarch64": "arm64"}[arch],
        "os": "linux",
        "created": created,
        "config": {
            "User": f"{USER}:{USER}",
            "Env": [
                "PATH=/usr/bin",
                "HOME=/home/quilt",
                "QUILTD_SOCKET=/run/quilt/quiltd.sock",
                "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt",
            ],
            "Entrypoint": ["/usr/bin/quiltd"],
            "Cmd": ["--token-store", "memory"],
            "WorkingDir": "/home/quilt",
            "StopSignal": "SIGTERM",
            "Labels": labels,
        },
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(raw).hexdigest()}"]},
        "history": [{"created": created, "created_by": "packaging/build image"}],
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": document(config, "config.v1+json"),
        "layers": [packed],
        "annotations": labels,
    }
    reference = document(manifest, "manifest.v1+json")
    reference["annotations"] = {"org.opencontainers.image.ref.name": f"quiltd:{version}"}
    index = {"schemaVersion": 2, "manifests": [reference]}
    blobs.append(("index.json", json.dumps(index).encode()))
    blobs.append(("oci-layout", json.dumps({"imageLayoutVersion": "1.0.0"}).encode()))
    with tarfile.open(out, "w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in sorted(blobs):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mtime, entry.mode = len(content), epoch, 0o644
            archive.addfile(entry, io.BytesIO(content))


if __name__ == "__main__":
    main()
