//! Answers of a stack that are small to send and large to hold: JSON that grows
//! a hundredfold when it is read.

use quilt_tests::fake_stack::{Endpoint, Fault, FaultKind};
use quilt_tests::harness::World;

/// What reading one may add to the most memory the daemon ever had, in KiB: the
/// answer as it came and as it grew in a buffer, and a little of what it became.
const GROWTH: u64 = 40 * 1024;

/// A list of maps in maps, each level five bytes long and hundreds in memory.
fn nested(length: usize) -> String {
    let one = format!("{}0{},", "{\"\":".repeat(100), "}".repeat(100));
    format!("[{}0]", one.repeat(length / one.len()))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_grows_when_it_is_read_is_refused_and_fills_no_memory() {
    let world = World::logged_in().await;
    let control = world.stack.control();
    let (catalog, registry) = (world.stack.catalog_url(), world.stack.registry_url());
    let answers = |bomb: &str| {
        [
            (
                Endpoint::Config,
                format!("{{\"registryUrl\":\"{registry}\",\"more\":{bomb}}}"),
            ),
            (
                Endpoint::Search,
                format!("{{\"hits\":{{\"hits\":{bomb}}}}}"),
            ),
            (Endpoint::Graphql, format!("{{\"data\":{{\"me\":{bomb}}}}}")),
            (
                Endpoint::GetCredentials,
                format!("{{\"AccessKeyId\":\"A\",\"Expiration\":{bomb}}}"),
            ),
        ]
    };
    let commands = [
        (Endpoint::Config, &["config", catalog][..]),
        (Endpoint::Search, &["search", "x"]),
        (Endpoint::Graphql, &["api-keys", "list"]),
        (Endpoint::GetCredentials, &["credential-process"]),
    ];
    let run = async |endpoint: Endpoint| {
        let args = commands.iter().find(|(at, _)| *at == endpoint).unwrap().1;
        if endpoint == Endpoint::GetCredentials {
            // What is held is forgotten with who it was for.
            world.ctl(&["logout"]).await.ok();
            world.login().await;
        }
        world.ctl(args).await
    };
    // Of all of them: what one took hides nothing of the next.
    let before = world.daemon.as_ref().unwrap().peak_kib();
    for (status, grown) in [(200, 4_000_000), (400, 4_000_000)] {
        for (endpoint, body) in answers(&nested(grown)) {
            let body = if status == 400 {
                format!("{{\"error\":{}}}", nested(grown))
            } else {
                body
            };
            assert!(body.len() < 4 * 1024 * 1024);
            control.plant(endpoint, Fault::always(FaultKind::Status { status, body }));
            for _ in 0..2 {
                let refused = run(endpoint).await;
                assert_ne!(refused.code, 0, "{endpoint:?}: {refused:?}");
            }
            control.clear_faults();
            let grown = world.daemon.as_ref().unwrap().peak_kib() - before;
            assert!(grown < GROWTH, "{endpoint:?}, {status}: {grown} KiB");
        }
    }
    // The probe works: as deep, and not as much, is taken.
    let (endpoint, body) = answers(&nested(10_000)).into_iter().next().unwrap();
    let small = FaultKind::Status { status: 200, body };
    control.plant(endpoint, Fault::once(small));
    run(endpoint).await.ok();
}
