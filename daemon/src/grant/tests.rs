use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use quilt_proto::ProfileName;

use super::*;
use crate::clock::manual::ManualClock;

struct Desk {
    grants: Arc<Grants>,
    clock: Arc<ManualClock>,
    stop: CancellationToken,
}

impl Desk {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::at(1_000_000));
        Self {
            grants: Arc::new(Grants::new(Arc::clone(&clock) as _)),
            clock,
            stop: CancellationToken::new(),
        }
    }

    fn issue(&self, life: Life) -> Issued {
        self.try_issue(life).unwrap()
    }

    fn try_issue(&self, life: Life) -> Result<Issued, GrantError> {
        let right = Right::Credentials {
            catalog: "https://demo.quilt.example".parse().unwrap(),
            profile: ProfileName::default_profile(),
        };
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
        let open = |_| Ok(Endpoint::new(address, self.stop.clone()));
        self.grants.issue(right, life, open)
    }

    async fn until(&self, done: impl Fn(&Grants) -> bool) {
        while !done(&self.grants) {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn a_token_opens_what_it_was_given_for_until_it_is_taken_back() {
    let desk = Desk::new();
    let one = desk.issue(Life::Seconds(60));
    let two = desk.issue(Life::Seconds(60));
    assert_eq!(one.token.expose().len(), 64);
    assert_ne!(one.token, two.token);
    assert!(desk.grants.open(one.token.expose()).is_some());
    assert!(desk.grants.open("").is_none());
    assert!(desk.grants.open(&one.token.expose()[1..]).is_none());
    assert!(desk.grants.revoke(&one.id));
    assert!(!desk.grants.revoke(&one.id));
    assert!(desk.grants.open(one.token.expose()).is_none());
    assert!(desk.grants.open(two.token.expose()).is_some());
}

#[tokio::test]
async fn the_listener_goes_with_the_last_grant() {
    let desk = Desk::new();
    assert!(desk.grants.address(Kind::Credentials).is_none());
    let (one, two) = (desk.issue(Life::Seconds(60)), desk.issue(Life::Seconds(60)));
    desk.grants.revoke(&one.id);
    assert!(desk.grants.address(Kind::Credentials).is_some() && !desk.stop.is_cancelled());
    desk.grants.revoke(&two.id);
    assert!(desk.grants.address(Kind::Credentials).is_none() && desk.stop.is_cancelled());
}

#[tokio::test]
async fn a_grant_ends_by_itself() {
    let desk = Desk::new();
    let issued = desk.issue(Life::Seconds(60));
    desk.clock.advance(59);
    assert!(desk.grants.open(issued.token.expose()).is_some());
    desk.clock.advance(1);
    assert!(desk.grants.open(issued.token.expose()).is_none());
    desk.until(|grants| grants.list().is_empty()).await;
    assert!(desk.stop.is_cancelled());
}

#[tokio::test]
async fn a_grant_of_a_process_lives_exactly_as_long() {
    let desk = Desk::new();
    let mut child = std::process::Command::new("cat")
        .stdin(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let issued = desk.issue(Life::While(Holder::watch(Some(child.id())).unwrap()));
    for _ in 0..5 {
        let before = desk.grants.list()[0].expires_at;
        desk.clock.advance(1800);
        desk.until(|grants| grants.list()[0].expires_at > before)
            .await;
    }
    assert!(desk.grants.open(issued.token.expose()).is_some());
    child.kill().unwrap();
    child.wait().unwrap();
    desk.until(|grants| grants.list().is_empty()).await;
    assert!(desk.grants.open(issued.token.expose()).is_none());
}

#[tokio::test]
async fn a_kept_grant_survives_restarts_and_lives_by_being_used() {
    let dir = tempfile::TempDir::new().unwrap();
    let clock = Arc::new(ManualClock::at(1_000_000));
    let start = || Arc::new(Grants::kept_in(dir.path(), Arc::clone(&clock) as _));
    let right = Right::Registry {
        catalog: "https://demo.quilt.example".parse().unwrap(),
        without_api_keys: false,
    };
    let at = |port| {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Ok(Endpoint::new(address, CancellationToken::new()))
    };
    let issued = start()
        .issue(right.clone(), Life::Kept, |known| {
            assert_eq!(known, None);
            at(7)
        })
        .unwrap();
    for _ in 0..3 {
        clock.advance(89 * 24 * 3600);
        let grants = start();
        assert!(grants.resume());
        grants.reopen(at).unwrap();
        let address = grants.address(Kind::Registry).unwrap();
        assert_eq!(address.port(), 7, "programs know the port");
        let opened = grants.open(issued.token.expose()).unwrap();
        assert_eq!(opened.right, right);
    }
    clock.advance(90 * 24 * 3600);
    assert!(!start().resume(), "nobody used it");
    let grants = start();
    grants.issue(right, Life::Kept, |_| at(8)).unwrap();
    assert_eq!(grants.revoke_kind(Kind::Registry), 1);
    assert!(!start().resume());
    assert!(!dir.path().join("grants.json").exists());
}

#[tokio::test]
async fn api_keys_are_kept_back_at_once_and_for_good() {
    let dir = tempfile::TempDir::new().unwrap();
    let clock = Arc::new(ManualClock::at(1_000_000));
    let state = dir.path().join("state");
    let start = || Arc::new(Grants::kept_in(&state, Arc::clone(&clock) as _));
    let right = Right::Registry {
        catalog: "https://demo.quilt.example".parse().unwrap(),
        without_api_keys: false,
    };
    let at = |port| {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Ok(Endpoint::new(address, CancellationToken::new()))
    };
    let grants = start();
    assert_eq!(grants.without_api_keys(), None);
    // The first is retired by the second; a program may still have it.
    let issued = [(); 2].map(|()| grants.issue(right.clone(), Life::Kept, |_| at(7)).unwrap());
    let are_kept_back = |grants: &Grants| {
        issued
            .each_ref()
            .map(|issued| grants.open(issued.token.expose()).unwrap())
            .map(|opened| opened.right.without_api_keys())
    };
    for keep_back in [true, false, true] {
        assert!(grants.keep_back_api_keys(keep_back).unwrap());
        assert!(!grants.keep_back_api_keys(keep_back).unwrap(), "it was");
        assert_eq!(grants.without_api_keys(), Some(keep_back));
        assert_eq!(are_kept_back(&grants), [keep_back; 2]);
        let later = start();
        assert!(later.resume());
        assert_eq!(are_kept_back(&later), [keep_back; 2], "after a restart");
    }
    // What cannot be written down is not lifted.
    std::fs::remove_dir_all(&state).unwrap();
    std::fs::write(&state, "").unwrap();
    assert!(grants.keep_back_api_keys(false).is_err());
    assert_eq!(are_kept_back(&grants), [true; 2]);
}

#[tokio::test]
async fn nobody_takes_the_room_of_programs_that_run() {
    let desk = Desk::new();
    let timed = (0..1000).map_while(|_| desk.try_issue(Life::Seconds(60)).ok());
    assert_eq!(timed.count(), 500);
    let own = std::process::id();
    let held = || Holder::watch(Some(own)).unwrap();
    let of_one = (0..500).map_while(|_| desk.try_issue(Life::While(held())).ok());
    assert_eq!(of_one.count(), 64);
    let mut other = std::process::Command::new("sleep")
        .arg("60")
        .spawn()
        .unwrap();
    let of_other = Holder::watch(Some(other.id())).unwrap();
    assert!(desk.try_issue(Life::While(of_other)).is_ok());
    other.kill().unwrap();
    other.wait().unwrap();
}
