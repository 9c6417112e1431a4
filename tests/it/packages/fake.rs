//! A daemon whose S3 is the fake stack's, which counts, refuses and stalls.

use quilt_tests::fake_stack::StackConfig;
use quilt_tests::harness::World;

use super::world::daemon;

/// Names that come with the first two pages of a listing.
pub(crate) const EARLY: usize = 260;

/// What tests write to.
pub(crate) const BUCKET: &str = "private-bucket";

/// Alice is logged in; her registry is [`BUCKET`], in layout 1.
pub(crate) async fn world() -> World {
    let mut config = StackConfig::default();
    for bucket in &mut config.buckets {
        bucket.versioned = false;
    }
    let mut world = World::with(config).await;
    world.login().await;
    world.daemon.take().expect("a daemon").kill().await;
    restart(&mut world).await;
    world
        .ctl(&["config", "--set", "default_registry_version=1"])
        .await
        .ok();
    world
}

/// Starts the daemon again.
pub(crate) async fn restart(world: &mut World) {
    world.daemon = Some(daemon(world, world.stack.s3_url()).await);
}

/// The hash of a content.
pub(crate) fn hash(seed: u8) -> String {
    format!("{seed:02x}").repeat(32)
}

/// Where `latest` of `ns/name` is.
pub(crate) fn latest(layout: u8) -> &'static str {
    match layout {
        1 => ".quilt/named_packages/ns/name/latest",
        _ => ".quilt/v2/tags/ns@name/latest",
    }
}

/// Writes `ns/name` with versions 1, 2 and 3, the newest last, and a neighbour.
pub(crate) fn seed(world: &World, layout: u8) {
    let control = world.stack.control();
    for key in control.keys(BUCKET) {
        control.delete_object(BUCKET, &key);
    }
    let put = |key: &str, content: String| assert!(control.put_object(BUCKET, key, content));
    for seed in 1..=3 {
        if layout == 1 {
            put(&format!(".quilt/packages/{}", hash(seed)), "{}".to_owned());
            put(&format!(".quilt/named_packages/ns/name/{seed}"), hash(seed));
        } else {
            let key = format!(".quilt/v2/manifests/ns@name/{}/manifest.jsonl", hash(seed));
            put(&key, "{}".to_owned());
        }
    }
    put(latest(layout), hash(3));
    put(".quilt/named_packages/ns/name-2/latest", hash(1));
    put(".quilt/v2/tags/ns@name-2/latest", hash(1));
}

/// Writes as many packages, in layout 1.
pub(crate) fn fill(world: &World, packages: usize) {
    for number in 0..packages {
        let key = format!(".quilt/named_packages/big/package-{number:05}/latest");
        assert!(world.stack.control().put_object(BUCKET, &key, "x"));
    }
}

/// What there is of `ns/name`, and what `latest` points to.
pub(crate) fn state(world: &World, layout: u8) -> (Vec<String>, Option<String>) {
    let control = world.stack.control();
    let latest = control.object(BUCKET, latest(layout));
    let latest = latest.map(|content| String::from_utf8_lossy(&content).into_owned());
    (control.keys(BUCKET), latest)
}

/// `latest` is a version that is there, or there is none.
pub(crate) fn check_latest(world: &World, layout: u8, context: &str) {
    let (keys, Some(latest)) = state(world, layout) else {
        return;
    };
    let control = world.stack.control();
    let there = keys
        .iter()
        .filter(|key| **key != self::latest(layout))
        .any(|key| match layout {
            1 if key.starts_with(".quilt/named_packages/ns/name/") => control
                .object(BUCKET, key)
                .is_some_and(|content| content == latest),
            1 => false,
            _ => key.contains(&format!("manifests/ns@name/{latest}/")),
        });
    assert!(there, "{context}: latest is {latest}, there are {keys:?}");
}
