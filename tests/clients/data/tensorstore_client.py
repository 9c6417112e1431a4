"""Lists a bucket and reads an object with tensorstore, which asks by itself in no other order."""

import os

import tensorstore
from reading import asked, done, endpoint

bucket, key = asked()
place = {
    "driver": "s3",
    "bucket": bucket,
    "endpoint": endpoint(),
    "aws_region": os.environ["AWS_REGION"],
}
if "TENSORSTORE_CREDENTIALS" in os.environ:
    place["aws_credentials"] = {"type": os.environ["TENSORSTORE_CREDENTIALS"]}
store = tensorstore.KvStore.open(place).result()
keys = [found.decode() for found in store.list().result()]
done(keys, store.read(key).result().value)
