"""Lists and reads objects with polars, whose scanner is the Rust crate object_store."""

import pathlib

import polars

from reading import asked, done, endpoint

bucket, key = asked()
# The scanner never learnt AWS_ENDPOINT_URL_S3, and speaks https only unless told.
options = {"aws_endpoint_url": endpoint(), "allow_http": "true"}
lines = polars.scan_lines(
    f"s3://{bucket}/*{pathlib.PurePath(key).suffix}",
    storage_options=options,
    include_file_paths="path",
).collect()
paths = lines["path"].unique().to_list()
keys = [path.removeprefix(f"s3://{bucket}/") for path in paths]
of_it = lines.filter(polars.col("path").str.ends_with(key))
done(keys, "".join(f"{line}\n" for line in of_it["line"]).encode())
