//! A key that the stack refused, or nobody could be asked about, heals by
//! itself.

use quilt_proto::wire::SessionState;

use super::stack::{Answer, Endpoint};
use super::world::{Login, World};
use crate::keys::unchecked_key;
use crate::session::KeyInfo;

/// Within which a key is good again once the trouble has passed, in seconds.
const PROMISE: u64 = 30;

const REFUSED: Answer = Answer::Json(401, "{}");

#[tokio::test]
async fn two_refusals_that_pass_end_no_path() {
    for at in [Endpoint::GetCredentials, Endpoint::Graphql] {
        let world = World::new(Login::Key).await;
        world.fake.lock().trouble.push((at, REFUSED));
        if at == Endpoint::Graphql {
            assert!(world.outcome(world.me()).await.is_err());
        } else {
            assert!(world.outcome(world.credentials()).await.is_err());
        }
        // What the stack refuses to a key that it knows is no refusal of the key.
        let is_refused = world.session.status().state == SessionState::Expired;
        assert_eq!(is_refused, at == Endpoint::Graphql);
        world.fake.lock().trouble.clear();
        world.fake.lock().calls.clear();
        if is_refused {
            assert!(world.outcome(world.credentials()).await.is_err());
            assert_eq!(world.fake.calls(Endpoint::GetCredentials), 0, "not asked");
        }
        world.pass(PROMISE).await;
        assert_eq!(world.session.status().state, SessionState::Active);
        assert_eq!(world.session.status().last_error, None);
        assert!(world.outcome(world.credentials()).await.is_ok());
        assert!(world.outcome(world.me()).await.is_ok());
    }
}

#[tokio::test]
async fn a_key_that_stays_refused_is_asked_about_ever_more_rarely() {
    let world = World::new(Login::Key).await;
    world.fake.lock().key = "qk_another-one-by-now".to_owned();
    assert!(world.outcome(world.me()).await.is_err());
    world.fake.lock().calls.clear();
    for _ in 0..24 * 60 {
        assert!(world.outcome(world.credentials()).await.is_err());
        world.leap(58).await;
        world.pass(2).await;
    }
    let asked = world.fake.calls(Endpoint::Graphql);
    assert!((10..=80).contains(&asked), "{asked} in a day");
    assert_eq!(world.fake.calls(Endpoint::GetCredentials), 0);
}

#[tokio::test]
async fn a_key_of_a_start_behind_a_firewall_is_checked_once_it_opens() {
    let world = World::new(Login::Key).await;
    world.keys.clear(&world.session);
    let blocked = [
        Endpoint::Config,
        Endpoint::Graphql,
        Endpoint::GetCredentials,
    ];
    for answer in [
        Answer::Page(403),
        Answer::Json(403, "{}"),
        Answer::Page(200),
    ] {
        let trouble = blocked.iter().map(|at| (*at, answer));
        world.fake.lock().trouble.extend(trouble);
        let key = world.fake.lock().key.parse().unwrap();
        unchecked_key::set(&world.keys, &world.session, &key, None);
        world.pass(90).await;
        assert!(world.outcome(world.credentials()).await.is_err());
        assert_eq!(world.session.status().state, SessionState::Active);
        let unchecked = |info: KeyInfo| info.unchecked.is_some();
        assert!(world.session.api_key().info().is_some_and(unchecked));
        world.fake.lock().trouble.clear();
        world.pass(PROMISE).await;
        assert!(!world.session.api_key().info().is_some_and(unchecked));
        assert!(world.outcome(world.credentials()).await.is_ok());
        world.keys.clear(&world.session);
    }
}
