//! Talks to `quiltd`, the daemon that owns Quilt sessions, over its Unix socket.
//!
//! Every request is a value of an [`Endpoint`](quilt_proto::api::Endpoint) of
//! `quilt-proto`, which has a typed answer; a client knows how to send one.
//! There are two:
//!
//! * feature `async` (default): [`Client`], for programs on tokio;
//! * feature `blocking`: [`blocking::Client`], which starts nothing and pulls
//!   in nothing, for programs that make one request and end.
//!
//! Feature `aws` adds [`QuiltCredentials`], a credentials provider for the AWS
//! SDK for Rust.
//!
//! Both clients refuse a socket that is served by another user, so that a
//! socket planted in a shared directory never sees a login code.
#![cfg_attr(
    feature = "async",
    doc = r#"
```no_run
# async fn example() -> Result<(), Box<dyn std::error::Error>> {
let quilt = quilt_client::Client::from_env()?;
let token = quilt.token().await?;
println!("expires {:?}", token.expires_at);
# Ok(())
# }
```
"#
)]

mod answer;
mod error;
mod lines;
#[cfg(any(feature = "async", feature = "blocking"))]
mod peer_check;
mod remedy;
#[cfg(any(feature = "async", feature = "blocking"))]
mod stopped;

#[cfg(feature = "aws")]
mod aws;
#[cfg(feature = "blocking")]
pub mod blocking;
#[cfg(feature = "async")]
mod client;
#[cfg(feature = "async")]
mod connector;
#[cfg(feature = "async")]
mod packages;

#[cfg(feature = "aws")]
pub use aws::QuiltCredentials;
#[cfg(feature = "async")]
pub use client::Client;
pub use error::Error;
#[cfg(feature = "async")]
pub use packages::PackageNames;
