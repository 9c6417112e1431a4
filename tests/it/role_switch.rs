//! A role is switched for the user: whichever login programs get their
//! credentials by, and wherever it was switched.

use quilt_tests::harness::World;
use serde_json::json;

use crate::gateway::raw;

/// A world with two logins of one user, by two names of one catalog; the second
/// is returned.
async fn twice_logged_in() -> (World, String) {
    let world = World::logged_in().await;
    let twin = world.stack.catalog_url().replace("127.0.0.1", "localhost");
    let code = world.stack.control().login_code("alice").unwrap();
    let login = ["--catalog", &twin, "login", "--code-stdin"];
    world.ctl_with_input(&login, &code).await.ok();
    (world, twin)
}

/// What programs get at a catalog.
async fn credentials(world: &World, catalog: &str) -> String {
    let get = ["--catalog", catalog, "credential-process"];
    world.ctl(&get).await.ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_switch_counts_for_every_login_of_the_user_there() {
    let (world, twin) = twice_logged_in().await;
    let here = world.stack.catalog_url();
    let before = credentials(&world, &twin).await;
    assert_ne!(credentials(&world, here).await, before, "two sessions");
    // The control: nothing is fetched anew for nothing.
    assert_eq!(credentials(&world, &twin).await, before);
    let switch = ["--catalog", here, "role", "switch", "ReadQuiltBucket"];
    world.ctl(&switch).await.ok();
    let after = credentials(&world, &twin).await;
    assert_ne!(after, before);
    let status = world.client().status().await.unwrap();
    for session in status.catalogs {
        let user = session.user.unwrap();
        assert_eq!(user.role.as_deref(), Some("ReadQuiltBucket"));
    }
    assert_eq!(credentials(&world, &twin).await, after);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_switch_elsewhere_counts_once_it_is_seen() {
    let (world, twin) = twice_logged_in().await;
    let here = world.stack.catalog_url();
    let before = (
        credentials(&world, here).await,
        credentials(&world, &twin).await,
    );
    let registry = world.stack.registry_url();
    let authority = registry.trim_start_matches("http://");
    let token = world.ctl(&["token"]).await.ok();
    let headers = [
        format!("Host: {authority}"),
        format!("Authorization: Bearer {}", token.trim()),
        "Content-Type: application/json".to_owned(),
    ];
    let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
    let query = "mutation { switchRole(roleName: \"ReadQuiltBucket\") { __typename } }";
    let query = json!({ "query": query }).to_string();
    let (status, body) = raw(authority, "POST /graphql", &headers, &query).await;
    assert!(status == 200 && body.contains("\"Me\""), "{body}");

    let whoami = world.ctl(&["whoami"]).await.ok();
    assert!(whoami.contains("ReadQuiltBucket"), "{whoami}");
    assert_ne!(credentials(&world, here).await, before.0);
    let after = credentials(&world, &twin).await;
    assert_ne!(after, before.1);
    // Seen once, it is no news.
    world.ctl(&["whoami"]).await.ok();
    assert_eq!(credentials(&world, &twin).await, after);
}
