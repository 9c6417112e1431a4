//! AWS itself, beside the stack: STS and console sign-in.
//!
//! Uses what it is given and nothing ambient: no profile, key or role of the
//! environment is ever read. Only where AWS is (`AWS_ENDPOINT_URL*`,
//! `AWS_CA_BUNDLE`, proxies) comes from there.

mod bounded;
mod console;
mod environment;
mod error;
mod sts;

use std::sync::OnceLock;

use aws_sdk_sts::config::SharedHttpClient;
use quilt_proto::Timestamp;
use quilt_proto::aws::{AccessKeyId, SecretAccessKey, SessionToken};

pub use self::console::SignIn;
pub use self::error::AwsError;
pub use self::sts::AssumeRole;
use crate::metrics::{Upstream, UpstreamMeter};

/// Keys of an AWS session.
#[derive(Debug, Clone)]
pub struct SessionKeys {
    /// Identifies them.
    pub access_key_id: AccessKeyId,
    /// Signs requests.
    pub secret_access_key: SecretAccessKey,
    /// Goes with every request.
    pub session_token: SessionToken,
    /// When AWS stops accepting them.
    pub expires_at: Timestamp,
}

/// The way to AWS. Nothing is connected, and no certificate read, before the
/// first request.
#[derive(Debug, Default)]
pub struct Aws {
    sts: OnceLock<SharedHttpClient>,
    console: OnceLock<reqwest::Client>,
    sts_meter: UpstreamMeter,
    console_meter: UpstreamMeter,
}

impl Aws {
    /// Counts what it asks for.
    pub fn new(upstream: &Upstream) -> Self {
        Self {
            sts_meter: upstream.sts.clone(),
            console_meter: upstream.sign_in.clone(),
            ..Self::default()
        }
    }
}
