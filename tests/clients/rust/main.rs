//! Lists a bucket and reads an object with the default credential chain.

use std::fmt::Write;

use anyhow::{Context, ensure};
use aws_config::BehaviorVersion;
use sha2::{Digest, Sha256};

#[tokio::main(flavor = "current_thread")]
#[expect(clippy::print_stdout, reason = "the result of the program")]
async fn main() -> anyhow::Result<()> {
    let [bucket, key, expected] =
        ["BUCKET", "KEY", "EXPECT_SHA256"].map(|name| std::env::var(name).context(name));
    let (bucket, key, expected) = (bucket?, key?, expected?);

    let config = aws_config::load_defaults(BehaviorVersion::latest()).await;
    let config = aws_sdk_s3::config::Builder::from(&config)
        .force_path_style(true)
        .build();
    let s3 = aws_sdk_s3::Client::from_conf(config);

    let mut pages = s3.list_objects_v2().bucket(&bucket).into_paginator().send();
    let mut listed = false;
    while let Some(page) = pages.next().await {
        let page = page.context("list")?;
        listed |= page
            .contents()
            .iter()
            .any(|object| object.key() == Some(&*key));
    }
    ensure!(listed, "{key} is not among the keys of {bucket}");

    let object = s3
        .get_object()
        .bucket(&bucket)
        .key(&key)
        .send()
        .await
        .context("get")?;
    let body = object.body.collect().await.context("body")?.into_bytes();
    let found = hex(&Sha256::digest(&body));
    ensure!(found == expected, "sha256 is {found}, expected {expected}");

    println!("ok");
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
