//! Every access key S3 and STS accept, and for whom it speaks.

use std::collections::HashMap;

use jiff::Timestamp;

use crate::fake_stack::config::{ACCOUNT, BucketAccess, IamUserConfig};
use crate::fake_stack::random;

/// Who a request is signed by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Principal {
    /// `arn:aws:sts::…:assumed-role/<role>/<session>` or `arn:aws:iam::…:user/<name>`.
    pub(crate) arn: String,
    /// `AROA…:<session>` or `AIDA…`.
    pub(crate) user_id: String,
    /// ARN of the IAM role the session is of, which trust policies name.
    pub(crate) role_arn: Option<String>,
    /// What it may do in S3.
    pub(crate) access: Vec<BucketAccess>,
    /// Source identity, which sticks to every session assumed from this one.
    pub(crate) source_identity: Option<String>,
}

impl Principal {
    /// A session of an IAM role.
    pub(crate) fn role_session(role_arn: &str, session: &str, access: Vec<BucketAccess>) -> Self {
        let account = role_arn.split(':').nth(4).unwrap_or(ACCOUNT);
        let role = role_arn.rsplit('/').next().unwrap_or(role_arn);
        Self {
            arn: format!("arn:aws:sts::{account}:assumed-role/{role}/{session}"),
            user_id: format!("{}:{session}", stable_id("AROA", role_arn)),
            role_arn: Some(role_arn.to_owned()),
            access,
            source_identity: None,
        }
    }

    fn iam_user(user: &IamUserConfig) -> Self {
        let arn = format!("arn:aws:iam::{ACCOUNT}:user/{}", user.name);
        Self {
            user_id: stable_id("AIDA", &arn),
            arn,
            role_arn: None,
            access: user.buckets.clone(),
            source_identity: None,
        }
    }

    /// The twelve digits of the account.
    pub(crate) fn account(&self) -> &str {
        self.arn.split(':').nth(4).unwrap_or(ACCOUNT)
    }

    pub(crate) fn may_read(&self, bucket: &str) -> bool {
        self.access.iter().any(|access| covers(access, bucket))
    }

    pub(crate) fn may_write(&self, bucket: &str) -> bool {
        self.access
            .iter()
            .any(|access| access.write && covers(access, bucket))
    }
}

fn covers(access: &BucketAccess, bucket: &str) -> bool {
    access.bucket == "*" || access.bucket == bucket
}

/// The same identifier for the same name, as IAM gives each role one for life.
fn stable_id(prefix: &str, name: &str) -> String {
    use sha2::{Digest, Sha256};
    let digest = Sha256::digest(name.as_bytes());
    let letters = digest
        .iter()
        .take(17)
        .map(|byte| char::from(b'A' + byte % 26));
    format!("{prefix}{}", letters.collect::<String>())
}

/// Temporary credentials as they are handed out.
#[derive(Clone)]
pub(crate) struct Issued {
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: String,
    pub(crate) session_token: String,
    pub(crate) expires_at: Timestamp,
}

struct Entry {
    secret: String,
    /// Long-lived keys of IAM users have neither token nor end.
    temporary: Option<(String, Timestamp)>,
    principal: Principal,
}

/// Every access key, by id.
#[derive(Default)]
pub(crate) struct Credentials {
    entries: HashMap<String, Entry>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials")
            .field("count", &self.entries.len())
            .finish()
    }
}

/// Why signed requests are refused, with the codes S3 uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CredentialError {
    UnknownKey,
    WrongToken,
    Expired,
}

impl Credentials {
    pub(crate) fn new(users: &[IamUserConfig]) -> Self {
        let entry = |user: &IamUserConfig| Entry {
            secret: user.secret_access_key.clone(),
            temporary: None,
            principal: Principal::iam_user(user),
        };
        Self {
            entries: users
                .iter()
                .map(|user| (user.access_key_id.clone(), entry(user)))
                .collect(),
        }
    }

    /// Temporary credentials for a principal.
    pub(crate) fn issue(&mut self, principal: Principal, expires_at: Timestamp) -> Issued {
        let issued = Issued {
            access_key_id: random::aws_id("ASIA"),
            secret_access_key: random::alphanumeric(40),
            // Real tokens are long; clients that cut them short should find out here.
            session_token: format!("IQoJb3JpZ2luX2Vj{}", random::alphanumeric(700)),
            expires_at,
        };
        let entry = Entry {
            secret: issued.secret_access_key.clone(),
            temporary: Some((issued.session_token.clone(), expires_at)),
            principal,
        };
        self.entries.insert(issued.access_key_id.clone(), entry);
        issued
    }

    pub(crate) fn secret(&self, access_key_id: &str) -> Result<String, CredentialError> {
        let entry = self
            .entries
            .get(access_key_id)
            .ok_or(CredentialError::UnknownKey)?;
        Ok(entry.secret.clone())
    }

    /// The principal behind a key whose signature was verified, given the session token that
    /// came with the request.
    pub(crate) fn principal(
        &self,
        access_key_id: &str,
        token: Option<&str>,
        now: Timestamp,
    ) -> Result<Principal, CredentialError> {
        let entry = self
            .entries
            .get(access_key_id)
            .ok_or(CredentialError::UnknownKey)?;
        match (&entry.temporary, token) {
            (None, None) => {}
            (Some((own, expires_at)), Some(token)) if own == token => {
                if *expires_at <= now {
                    return Err(CredentialError::Expired);
                }
            }
            _ => return Err(CredentialError::WrongToken),
        }
        Ok(entry.principal.clone())
    }

    /// Ends the life of every temporary key and returns how many there were.
    pub(crate) fn expire_all(&mut self, now: Timestamp) -> usize {
        let temporary = self
            .entries
            .values_mut()
            .filter_map(|entry| entry.temporary.as_mut());
        temporary
            .map(|(_, expires_at)| *expires_at = (*expires_at).min(now))
            .count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn temporary_keys_need_their_own_token_and_expire() {
        let mut credentials = Credentials::default();
        let arn = "arn:aws:iam::123456789012:role/lake";
        let principal = Principal::role_session(arn, "me", vec![BucketAccess::read("b")]);
        let issued = credentials.issue(principal.clone(), at(100));
        let id = issued.access_key_id.as_str();
        let token = Some(issued.session_token.as_str());
        assert_eq!(credentials.principal(id, token, at(99)), Ok(principal));
        assert_eq!(
            credentials.principal(id, token, at(100)),
            Err(CredentialError::Expired)
        );
        assert_eq!(
            credentials.principal(id, None, at(0)),
            Err(CredentialError::WrongToken)
        );
        assert_eq!(
            credentials.principal(id, Some("x"), at(0)),
            Err(CredentialError::WrongToken)
        );
        assert_eq!(
            credentials.principal("ASIANOBODY", None, at(0)),
            Err(CredentialError::UnknownKey)
        );
        assert_eq!(credentials.expire_all(at(50)), 1);
        assert_eq!(
            credentials.principal(id, token, at(50)),
            Err(CredentialError::Expired)
        );
    }

    #[test]
    fn a_role_session_names_its_role_and_account() {
        let arn = "arn:aws:iam::222222222222:role/team/lake";
        let principal = Principal::role_session(arn, "me", vec![BucketAccess::read("b")]);
        assert_eq!(
            principal.arn,
            "arn:aws:sts::222222222222:assumed-role/lake/me"
        );
        assert_eq!(principal.account(), "222222222222");
        assert!(principal.may_read("b") && !principal.may_write("b") && !principal.may_read("c"));
    }
}
