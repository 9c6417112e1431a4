//! Lists a bucket by aws-sdk-s3 and prints how many keys it has.

use aws_config::BehaviorVersion;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let config = aws_config::load_defaults(BehaviorVersion::latest()).await;
    let config = aws_sdk_s3::config::Builder::from(&config).force_path_style(true);
    let client = aws_sdk_s3::Client::from_conf(config.build());
    let mut pages = client
        .list_objects_v2()
        .bucket("bucket")
        .into_paginator()
        .send();
    let mut keys = 0;
    while let Some(page) = pages.next().await {
        keys += page.expect("a page").contents().len();
    }
    println!("{keys}");
}
