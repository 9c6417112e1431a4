//! What the daemon asks of every HTTP client.

use http_body_util::Empty;
use hyper_util::client::legacy::Client;
use hyperlocal::UnixClientExt;
use quilt_tests::harness::World;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn only_localhost_is_an_accepted_host() {
    let world = World::start().await;
    // Sends the Host that hyperlocal makes of the socket's path.
    let plain: Client<_, Empty<bytes::Bytes>> = Client::unix();
    let uri = hyperlocal::Uri::new(world.home.socket(), "/v1/health");
    let refused = plain.get(uri.into()).await.unwrap();
    assert_eq!(refused.status(), 403);
    assert_eq!(world.client().health().await.unwrap().status, "ok");
}

/// What nobody reads is a mistake: silently taking the default instead would
/// hand out the wrong credentials, or delete too much.
#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_reads_is_refused() {
    let world = World::start().await;
    world.login().await;
    let url = world.stack.catalog_url();
    world.ctl(&["config", url]).await.ok();
    for (method, target, body) in [
        ("GET", "/v1/aws/credentials?profil=lake", None),
        ("GET", "/v1/token?profile=lake", None),
        ("GET", "/v1/packages?registr=s3://demo-bucket", None),
        ("GET", "/v1/health?x=1", None),
        ("DELETE", "/v1/session?al=true", None),
        ("POST", "/v1/search", Some(json!({"query": "x", "limt": 1}))),
        ("POST", "/v1/aws/grants", Some(json!({"profil": "lake"}))),
        (
            "PUT",
            "/v1/me/role",
            Some(json!({"role": "x", "roles": []})),
        ),
        (
            "POST",
            "/v1/session",
            Some(json!({"code": "x", "key": "y"})),
        ),
        (
            "PUT",
            "/v1/session/api-key",
            Some(json!({"key": "qk_x", "catalog": "y"})),
        ),
        (
            "POST",
            "/v1/api-keys",
            Some(json!({"name": "x", "days": 1})),
        ),
        (
            "POST",
            "/v1/api-keys/revoke",
            Some(json!({"secret": "x", "id": 1})),
        ),
        (
            "POST",
            "/v1/api-keys/rotate",
            Some(json!({"name": "x", "y": 1})),
        ),
        ("PUT", "/v1/gateway", Some(json!({"imprt": true}))),
        ("PUT", "/v1/config", Some(json!({"value": {}}))),
        ("GET", "/v1/packages/%ff/b/versions", None),
        ("GET", "/v1/api-keys/%ff", None),
    ] {
        let refused = world.ask(method, target, "*/*", body.as_ref()).await;
        let context = format!("{method} {target}: {}", refused.text());
        assert_eq!(refused.status.as_u16(), 400, "{context}");
        assert!(context.contains("\"invalid_input\""), "{context}");
    }
    assert_eq!(world.ctl(&["logged-in"]).await.code, 0);

    let both = json!({"catalog_url": "https://x.example", "values": {}});
    for (body, says) in [
        (
            both,
            "Expected either an auto-config URL or key=value pairs, but got both.",
        ),
        (json!({}), "the body needs catalog_url or values"),
    ] {
        let refused = world.ask("PUT", "/v1/config", "*/*", Some(&body)).await;
        assert!(refused.text().contains(says), "{}", refused.text());
    }
}
