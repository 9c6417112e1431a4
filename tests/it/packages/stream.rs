//! Listings as they come.

use quilt_tests::fake_stack::{Endpoint, Fault, FaultKind};
use quilt_tests::harness::World;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use super::fake::{BUCKET, EARLY, fill, seed, world};

/// The answer to a request, as it is on the wire.
pub(crate) async fn raw(world: &World, method: &str, path: &str) -> String {
    let mut stream = UnixStream::connect(world.home.socket()).await.unwrap();
    let catalog = world.stack.catalog_url();
    let request = format!(
        "{method} {path}&catalog={catalog} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_names_come_before_the_listing_ends() {
    let world = world().await;
    fill(&world, 1500);
    // The page after the first ones is never answered.
    world
        .stack
        .control()
        .plant(Endpoint::S3, Fault::always(FaultKind::Hold).after(3));
    let mut names = world
        .client()
        .packages(Some(&format!("s3://{BUCKET}")))
        .await
        .unwrap();
    for number in 0..EARLY {
        let name = names.next().await.unwrap().unwrap();
        assert_eq!(name, format!("big/package-{number:05}"));
    }
    world.stack.control().clear_faults();
    let mut rest = 0;
    while let Some(name) = names.next().await {
        name.unwrap();
        rest += 1;
    }
    assert_eq!(rest, 1500 - EARLY);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listing_that_breaks_is_valid_json_and_a_failure() {
    let world = world().await;
    fill(&world, 1500);
    let list = ["packages", "list", &format!("s3://{BUCKET}"), "--json"];
    let whole: Vec<String> = serde_json::from_str(&world.ctl(&list).await.ok()).unwrap();
    assert_eq!(whole.len(), 1500);
    world
        .stack
        .control()
        .plant(Endpoint::S3, Fault::always(FaultKind::status(500)).after(3));
    let run = world.ctl(&list).await;
    assert_eq!(run.code, 5, "{run:?}");
    assert!(run.stderr.contains("answered 500"), "{run:?}");
    let part: Vec<String> = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(part, whole[..EARLY]);

    world.stack.control().clear_faults();
    world
        .stack
        .control()
        .plant(Endpoint::S3, Fault::always(FaultKind::status(500)).after(3));
    let answer = raw(
        &world,
        "GET",
        &format!("/v1/packages?registry=s3://{BUCKET}"),
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 200"));
    assert!(!answer.ends_with("0\r\n\r\n"), "broken off, not ended");

    world.stack.control().clear_faults();
    world
        .stack
        .control()
        .plant(Endpoint::S3, Fault::always(FaultKind::status(500)));
    let answer = raw(
        &world,
        "GET",
        &format!("/v1/packages?registry=s3://{BUCKET}"),
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_client_library_does_it_all() {
    let world = world().await;
    seed(&world, 1);
    let (client, registry) = (world.client(), format!("s3://{BUCKET}"));
    let name = "ns/name".parse().unwrap();
    let versions = client
        .package_versions(&name, Some(&registry))
        .await
        .unwrap();
    assert_eq!(versions[0].version, "latest");
    let newest = versions[0].top_hash.parse().unwrap();
    let done = client
        .delete_package(&name, Some(&registry), Some(&newest))
        .await
        .unwrap();
    assert_eq!(done.latest.as_ref(), Some(&versions[2].top_hash));
    client
        .delete_package(&name, Some(&registry), None)
        .await
        .unwrap();
    assert!(
        client
            .package_versions(&name, Some(&registry))
            .await
            .is_err()
    );
}
