//! What nobody asks for is left to expire; a profile means one thing at a time.

use quilt_proto::ProfileName;

use super::stack::{Endpoint, LIFE};
use super::world::{LONG, Login, World};
use crate::credential::CredentialError;

const HOUR: u64 = LIFE.cast_unsigned();

impl World {
    async fn pass_hours(&self, hours: u64) {
        for _ in 0..hours * 60 {
            self.leap(HOUR / 60).await;
        }
    }

    fn write_settings(&self, text: &str) {
        std::fs::write(self.dir.path().join("quiltd.toml"), text).unwrap();
        self.vault.follow_settings();
    }

    async fn credentials_of(&self, profile: &str) -> Result<(), CredentialError> {
        let (vault, session) = (self.vault.clone(), self.session.clone());
        let profile: ProfileName = profile.parse().unwrap();
        let asked = async move { vault.credentials(&session, &profile, LONG).await };
        self.outcome(asked).await.map(drop)
    }
}

#[tokio::test]
async fn credentials_nobody_asks_for_are_left_to_expire_and_the_login_is_kept() {
    let world = World::new(Login::Code).await;
    world.outcome(world.credentials()).await.unwrap();
    world.pass_hours(24).await;
    let calls = world.fake.calls(Endpoint::GetCredentials);
    assert!((2..=3).contains(&calls), "{calls} for nobody in a day");
    assert!(world.fake.calls(Endpoint::Token) >= 24, "the login is kept");
    // On demand, and kept fresh again from then on.
    world.outcome(world.credentials()).await.unwrap();
    assert_eq!(world.fake.calls(Endpoint::GetCredentials), calls + 1);
    world.pass_hours(1).await;
    assert!(world.fake.calls(Endpoint::GetCredentials) > calls + 1);
}

#[tokio::test]
async fn who_asks_now_and_then_never_waits() {
    let world = World::new(Login::Code).await;
    for _ in 0..12 {
        world.outcome(world.credentials()).await.unwrap();
        world.leap(HOUR / 3).await;
        world.leap(HOUR / 3).await;
    }
    let before = world.fake.calls(Endpoint::GetCredentials);
    world.outcome(world.credentials()).await.unwrap();
    assert_eq!(world.fake.calls(Endpoint::GetCredentials), before);
}

#[tokio::test]
async fn a_living_grant_counts_as_asking() {
    let world = World::new(Login::Code).await;
    world.write_settings("[profiles.granted]\nregion = \"eu-west-1\"\n");
    world.credentials_of("granted").await.unwrap();
    world.pass_hours(24).await;
    assert!(world.fake.calls(Endpoint::GetCredentials) >= 24);
}

#[tokio::test]
async fn a_profile_that_is_another_catalogs_by_now_mixes_nothing() {
    let world = World::new(Login::Code).await;
    world.write_settings("[profiles.lake]\nregion = \"eu-west-1\"\n");
    world.credentials_of("lake").await.unwrap();
    world.write_settings("[profiles.lake]\ncatalog = \"https://other.example\"\n");
    let refused = world.credentials_of("lake").await;
    assert!(
        matches!(refused, Err(CredentialError::OtherCatalog { .. })),
        "{refused:?}"
    );
    world.write_settings("");
    let gone = world.credentials_of("lake").await;
    assert!(
        matches!(gone, Err(CredentialError::UnknownProfile { .. })),
        "{gone:?}"
    );
}

#[tokio::test]
async fn a_profile_that_is_edited_is_not_renewed_twice() {
    let world = World::new(Login::Code).await;
    for ttl in ["21m", "22m", "23m", "24m"] {
        world.write_settings(&format!("[profiles.default]\nmin_ttl = \"{ttl}\"\n"));
        world.outcome(world.credentials()).await.unwrap();
    }
    world.fake.lock().calls.clear();
    for _ in 0..10 {
        world.pass_hours(1).await;
        world.outcome(world.credentials()).await.unwrap();
    }
    let calls = world.fake.calls(Endpoint::GetCredentials);
    assert!((10..=30).contains(&calls), "{calls} in 10 hours");
}
