//! What the daemon asks of every HTTP client.

use http_body_util::Empty;
use hyper_util::client::legacy::Client;
use hyperlocal::UnixClientExt;
use quilt_tests::harness::World;

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
