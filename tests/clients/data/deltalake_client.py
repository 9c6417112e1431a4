"""Lists a bucket and reads an object through the storage of deltalake, which is object_store."""

from deltalake.fs import DeltaStorageHandler
from pyarrow import fs

from reading import asked, done, endpoint

bucket, key = asked()
# It never learnt AWS_ENDPOINT_URL_S3, speaks https only unless told, and takes an endpoint
# of its own for one that is not AWS, where profiles do not count.
options = {
    "aws_endpoint_url": endpoint(),
    "aws_allow_http": "true",
    "aws_force_credential_load": "true",
}
files = fs.PyFileSystem(DeltaStorageHandler(f"s3://{bucket}", options=options))
keys = [entry.path.lstrip("/") for entry in files.get_file_info(fs.FileSelector("", recursive=True))]
with files.open_input_stream(key) as stream:
    done(keys, stream.read())
