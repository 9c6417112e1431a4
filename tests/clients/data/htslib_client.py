"""Reads an object with htslib, which samtools, bcftools and pysam read by; it lists nothing."""

import os
import urllib.parse

from reading import asked, done, endpoint

bucket, key = asked()
# It never learnt AWS_ENDPOINT_URL_S3.
os.environ["HTS_S3_HOST"] = urllib.parse.urlsplit(endpoint()).netloc
os.environ["HTS_S3_ADDRESS_STYLE"] = "path"

import pysam  # noqa: E402

with pysam.HFile(f"s3+http://{bucket}/{key}", "rb") as opened:
    done([key], opened.read())
