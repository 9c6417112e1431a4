//! Listings that are empty, because something else was meant.

use std::fs;

use quilt_tests::harness::World;

/// A directory that is a registry with one package in layout 2.
fn registry(world: &World) -> String {
    let root = world.home.path().join("registry");
    let hash = "a".repeat(64);
    let manifest = root.join(format!(".quilt/v2/manifests/ns@name/{hash}"));
    fs::create_dir_all(&manifest).unwrap();
    fs::write(manifest.join("manifest.jsonl"), "{}\n").unwrap();
    let tags = root.join(".quilt/v2/tags/ns@name");
    fs::create_dir_all(&tags).unwrap();
    fs::write(tags.join("latest"), hash).unwrap();
    root.display().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_without_its_scheme_is_asked_about() {
    let world = World::start().await;
    let run = world.ctl(&["packages", "list", "my-bucket"]).await;
    assert!(
        run.stderr.contains("quiltctl packages list s3://my-bucket"),
        "{run:?}"
    );
    assert_eq!(run.ok(), "");
    let run = world
        .ctl(&["packages", "list", "--json", "my-bucket"])
        .await;
    assert!(run.stderr.contains("s3://my-bucket"), "{run:?}");
    assert_eq!(run.ok(), "[]\n");
    // A path is a path.
    for path in ["./my-bucket", "/nowhere/at/all"] {
        let run = world.ctl(&["packages", "list", path]).await;
        assert_eq!(run.stderr, format!("No packages in {path}.\n"), "{run:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn packages_in_the_other_layout_are_said_to_be_there() {
    let world = World::start().await;
    let registry = registry(&world);
    let set = "default_registry_version=1";
    world.ctl(&["config", "--set", set]).await.ok();
    let run = world.ctl(&["packages", "list", &registry]).await;
    let meant = format!("quiltctl packages list {registry} --layout 2");
    assert!(run.stderr.contains(&meant), "{run:?}");
    assert_eq!(run.ok(), "");
    let list = ["packages", "list", &registry, "--layout", "2"];
    let run = world.ctl(&list).await;
    assert_eq!(
        (run.stdout.as_str(), run.stderr.as_str()),
        ("ns/name\n", "")
    );
    let of = ["ns/name", "--registry", &registry, "--layout", "2"];
    let versions = world
        .ctl(&[&["packages", "versions"][..], &of].concat())
        .await;
    assert!(versions.ok().contains(&"a".repeat(64)));
    let delete = [&["packages", "delete", "--yes"][..], &of].concat();
    world.ctl(&delete).await.ok();
    assert_eq!(world.ctl(&list).await.ok(), "");
    let other = ["packages", "list", &registry, "--layout", "3"];
    world.ctl(&other).await.code_is(2);
}
