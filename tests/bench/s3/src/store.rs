//! Lists a bucket by object_store and prints how many keys it has.

use futures_util::TryStreamExt;
use object_store::ObjectStore;
use object_store::aws::AmazonS3Builder;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let store = AmazonS3Builder::from_env()
        .with_bucket_name("bucket")
        .with_allow_http(true);
    let store = store.build().expect("an environment");
    let keys = store
        .list(None)
        .try_fold(0, |keys, _| async move { Ok(keys + 1) });
    println!("{}", keys.await.expect("pages"));
}
