"""Lists a bucket and reads an object with pyarrow, which is the AWS SDK for C++."""

from urllib.parse import urlsplit

from pyarrow import fs

from reading import asked, done, endpoint

bucket, key = asked()
origin = urlsplit(endpoint())
s3 = fs.S3FileSystem(endpoint_override=origin.netloc, scheme=origin.scheme)
entries = s3.get_file_info(fs.FileSelector(bucket, recursive=True))
keys = [entry.path.removeprefix(f"{bucket}/") for entry in entries]
with s3.open_input_stream(f"{bucket}/{key}") as stream:
    done(keys, stream.read())
