#!/usr/bin/env python3
"""Puts the programs into a wheel, which pip, uv and pipx install like any other.

    wheel.py VERSION PLATFORM PREFIX DOCS OUT

PREFIX holds bin/ and share/, DOCS the licences and README.md. Equal input gives
equal bytes: times come from SOURCE_DATE_EPOCH.
"""

import base64
import hashlib
import multiprocessing
import os
import pathlib
import struct
import sys
import time
import zipfile
import zlib

import zopfli.zlib

METADATA = """\
Metadata-Version: 2.4
Name: quiltd
Version: {version}
Summary: Log in to a Quilt catalog once; every AWS program gets fresh credentials
License-Expression: Apache-2.0 OR MIT
{licences}\
Project-URL: Source, https://github.com/quiltdata/quiltd
Requires-Python: >=3.8
Classifier: Environment :: Console
Classifier: Operating System :: POSIX :: Linux
Classifier: Programming Language :: Rust
Description-Content-Type: text/markdown

{description}"""

WHEEL = """\
Wheel-Version: 1.0
Generator: quiltd packaging
Root-Is-Purelib: false
{tags}"""


def deflate(content):
    """Smaller than zlib makes it; without the frame that a zip file has no use for."""
    return zopfli.zlib.compress(content, numiterations=15)[2:-4]


def archive(files, when):
    """A zip file. The library's own writer takes no other compressor."""
    year, month, day, hour, minute, second = when
    stamp = (hour << 11 | minute << 5 | second // 2, year - 1980 << 9 | month << 5 | day)
    with multiprocessing.Pool() as pool:
        packed = pool.map(deflate, [content for _, content, _ in files], chunksize=1)
    body, directory = b"", b""
    for (name, content, mode), data in zip(files, packed):
        about = struct.pack(
            "<HHHHHLLLHH", 20, 0, zipfile.ZIP_DEFLATED, *stamp,
            zlib.crc32(content), len(data), len(content), len(name), 0,
        )
        directory += b"PK\x01\x02" + struct.pack("<H", 3 << 8 | 20) + about
        directory += struct.pack("<HHHLL", 0, 0, 0, (0o100000 | mode) << 16, len(body))
        directory += name.encode()
        body += b"PK\x03\x04" + about + name.encode() + data
    end = struct.pack("<4H2LH", 0, 0, len(files), len(files), len(directory), len(body), 0)
    return body + directory + b"PK\x05\x06" + end


def main():
    version, platform, prefix, docs, out = sys.argv[1:]
    prefix, docs = pathlib.Path(prefix), pathlib.Path(docs)
    when = time.gmtime(max(int(os.environ["SOURCE_DATE_EPOCH"]), 315532800))[:6]
    data, info = f"quiltd-{version}.data", f"quiltd-{version}.dist-info"
    platforms = platform.split(".")
    files = []
    for path in sorted((prefix / "bin").iterdir()):
        files.append((f"{data}/scripts/{path.name}", path.read_bytes(), 0o755))
    for path in sorted(p for p in (prefix / "share").rglob("*") if p.is_file()):
        files.append((f"{data}/data/{path.relative_to(prefix)}", path.read_bytes(), 0o644))
    licences = sorted(p for p in docs.iterdir() if p.name != "README.md")
    for path in licences:
        files.append((f"{info}/licenses/{path.name}", path.read_bytes(), 0o644))
    metadata = METADATA.format(
        version=version,
        licences="".join(f"License-File: {path.name}\n" for path in licences),
        description=(docs / "README.md").read_text(),
    )
    files.append((f"{info}/METADATA", metadata.encode(), 0o644))
    tags = "".join(f"Tag: py3-none-{tag}\n" for tag in platforms)
    files.append((f"{info}/WHEEL", WHEEL.format(tags=tags).encode(), 0o644))
    record = ""
    for name, content, _ in files:
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=")
        record += f"{name},sha256={digest.decode()},{len(content)}\n"
    files.append((f"{info}/RECORD", f"{record}{info}/RECORD,,\n".encode(), 0o644))
    pathlib.Path(out).write_bytes(archive(files, when))
    if (broken := zipfile.ZipFile(out).testzip()) is not None:
        sys.exit(f"wheel.py: {broken} was not written right")


if __name__ == "__main__":
    main()
