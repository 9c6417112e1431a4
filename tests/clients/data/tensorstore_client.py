"""Lists a bucket and reads an object with tensorstore."""

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
store = tensorstore.KvStore.open(place).result()
keys = [found.decode() for found in store.list().result()]
done(keys, store.read(key).result().value)
