//! A registry in S3.

mod connections;
mod credentials;
mod endpoint;
mod failure;
mod http;
mod refusal;
mod store;

pub(super) use self::connections::Connections;
pub(super) use self::credentials::Vended;
pub(super) use self::store::S3Store;
