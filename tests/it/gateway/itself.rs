//! A catalog that names the gateway as its registry: the daemon would ask
//! itself without end, and with the key of one catalog at another.

use quilt_tests::fake_stack::{FakeStack, KeySeed, StackConfig};
use serde_json::{Value, json};

use super::{grant, set_up};

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_is_the_gateway_is_sent_nothing_however_it_is_spelt() {
    let world = set_up(StackConfig::default()).await;
    let other = FakeStack::bind(StackConfig::default()).await.unwrap();
    let (gateway, _) = grant(&world);
    let (_, port) = gateway.rsplit_once(':').unwrap();
    let key = other.control().add_key(&KeySeed::new("alice", "ci"));
    let key = key.unwrap().secret;
    let catalog = other.catalog_url();
    let host = |url: &str| url.split_once("://").unwrap().1.to_owned();
    let [own, first] = [catalog, world.stack.catalog_url()].map(host);
    for registry in [
        format!("http://{gateway}"),
        format!("http://{gateway}/"),
        format!("http://{gateway}/catalogs/{first}"),
        format!("http://{gateway}/catalogs/{own}"),
        format!("http://127.1:{port}"),
        format!("http://localhost:{port}"),
        format!("http://a.localhost:{port}/x"),
        format!("http://[::1]:{port}"),
    ] {
        other.control().update(|settings| {
            let named = json!(&registry);
            settings
                .config_overrides
                .insert("registryUrl".to_owned(), named);
        });
        let code = other.control().login_code("alice").unwrap();
        for (how, secret) in [("--api-key", &key), ("--code-stdin", &code)] {
            let login = ["login", how, "--catalog", catalog];
            let line = world.ctl_with_input(&login, secret).await.failed(8);
            assert!(line.contains("this daemon itself"), "{registry}: {line}");
        }
        let set_up = ["setup", "quilt3", "--catalog", catalog];
        let line = world.ctl(&set_up).await.failed(8);
        assert!(line.contains("this daemon"), "{registry}: {line}");
    }
    assert_eq!(with_a_key(&world.ctl(&["audit", "--json"]).await.ok()), 0);

    // The control: where it tells the truth, the same key is good.
    other
        .control()
        .update(|settings| drop(settings.config_overrides.remove("registryUrl")));
    let login = ["login", "--api-key", "--catalog", catalog];
    world.ctl_with_input(&login, &key).await.ok();
    world.ctl(&["whoami", "--catalog", catalog]).await.ok();
}

/// How many requests with an API key the gateway took.
fn with_a_key(audit: &str) -> usize {
    let audit: Vec<Value> = serde_json::from_str(audit).unwrap();
    let requests = audit.iter().filter_map(|entry| entry["request"].as_str());
    requests.filter(|it| it.contains("with API key")).count()
}
