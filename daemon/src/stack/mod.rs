//! The upstream: what a Quilt stack speaks over HTTP.
//!
//! Knows requests and answers, nothing of sessions or who asked. Answers are
//! bounded in size and time, redirects are followed for `config.json` alone (a
//! token must not travel to another host), and nothing an upstream says reaches a message
//! before it has been made one harmless line.

mod answer;
mod api_keys;
pub mod buckets;
pub mod credentials;
mod deadline;
mod discovery;
mod error;
mod error_response;
mod forward;
mod forward_headers;
mod graphql;
mod http;
mod local_only_keys;
mod me;
pub mod oauth;
pub mod paths;
mod registry_client;
mod replayable_body;
pub mod search;
#[cfg(test)]
mod test_transport;
mod time_headers;
pub mod tokens;

pub use self::api_keys::{KeySelector, Scope};
pub(crate) use self::deadline::TOTAL_TIMEOUT;
pub use self::deadline::in_time;
pub use self::discovery::StackConfig;
pub use self::error::StackError;
pub use self::forward::{Forward, Forwarded};
pub use self::forward_headers::is_encoded;
pub use self::http::StackClient;
pub use self::oauth::{Authorization, OAuthServer, authorize_url, origin, usual_connect_url};
pub use self::registry_client::RegistryClient;
pub use self::replayable_body::{Payload, Permit};
#[cfg(test)]
pub(crate) use self::test_transport::Wire;
pub use self::tokens::Tokens;
