"""Lists a bucket and reads an object with the Rust crate object_store, by obstore."""

from obstore.store import S3Store

from reading import asked, done, endpoint

bucket, key = asked()
# It never learnt AWS_ENDPOINT_URL_S3, and speaks https only unless told.
store = S3Store(
    bucket,
    endpoint=endpoint(),
    virtual_hosted_style_request=False,
    client_options={"allow_http": True},
)
keys = [entry["path"] for page in store.list() for entry in page]
done(keys, bytes(store.get(key).bytes()))
