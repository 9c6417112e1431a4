//! Grants, profiles, the AWS console.

use super::{Call, Method, json, path};
use crate::wire::{ConsoleUrl, Grant, GrantRequest, ProfileStatus};
use crate::{ProfileName, Secret};

/// Make a grant.
#[derive(Clone, Debug)]
pub struct CreateGrant(pub GrantRequest);

impl Call for CreateGrant {
    type Answer = Grant;
    const METHOD: Method = Method::Post;

    fn path(&self) -> String {
        path::AWS_GRANTS.to_owned()
    }

    fn body(&self) -> Option<Secret> {
        json(&self.0)
    }
}

/// Take a grant back.
#[derive(Clone, Debug)]
pub struct RevokeGrant {
    /// Its name.
    pub id: String,
}

impl Call for RevokeGrant {
    type Answer = ();
    const METHOD: Method = Method::Delete;

    fn path(&self) -> String {
        let plain: String = self
            .id
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .collect();
        format!("{}/{plain}", path::AWS_GRANTS)
    }
}

/// The profiles and what each last gave.
#[derive(Clone, Debug)]
pub struct ReadProfiles;

impl Call for ReadProfiles {
    type Answer = Vec<ProfileStatus>;
    const METHOD: Method = Method::Get;

    fn path(&self) -> String {
        path::PROFILES.to_owned()
    }
}

/// A URL that signs in to the AWS console.
#[derive(Clone, Debug)]
pub struct ReadConsoleUrl {
    /// With whose credentials.
    pub profile: ProfileName,
    /// The page to open, instead of the console's first.
    pub destination: Option<String>,
}

impl Call for ReadConsoleUrl {
    type Answer = ConsoleUrl;
    const METHOD: Method = Method::Get;

    fn path(&self) -> String {
        path::AWS_CONSOLE.to_owned()
    }

    fn query(&self) -> Vec<(&'static str, String)> {
        let destination = self.destination.clone();
        std::iter::once(("profile", self.profile.to_string()))
            .chain(destination.map(|destination| ("destination", destination)))
            .collect()
    }
}
