"""What every reader here is asked: see `Client` in `tests/src/harness/toolchain`."""

import hashlib
import os
import sys


def asked() -> tuple[str, str]:
    """Bucket and key of the object."""
    return os.environ["BUCKET"], os.environ["KEY"]


def endpoint() -> str:
    """Where S3 is, for what never learnt AWS_ENDPOINT_URL_S3."""
    return os.environ["AWS_ENDPOINT_URL_S3"]


def done(keys: list[str], content: bytes) -> None:
    """Says `ok` where the listing holds the key and the content is as it should be."""
    bucket, key = asked()
    if key not in keys:
        sys.exit(f"{key} is not among the keys of {bucket}: {keys}")
    found, expected = hashlib.sha256(content).hexdigest(), os.environ["EXPECT_SHA256"]
    if found != expected:
        sys.exit(f"sha256 is {found}, expected {expected}")
    print("ok")
