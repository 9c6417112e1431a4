//! The fake stack: a whole Quilt deployment on loopback.
//!
//! Catalog, registry (login pages, tokens, AWS credentials, GraphQL, search), OAuth server, S3
//! and STS, as real clients expect them. It knows nothing of quiltd's own crates, so that a
//! misreading of the protocol there is not repeated here.
//!
//! ```no_run
//! # async fn example() -> std::io::Result<()> {
//! use quilt_tests::fake_stack::{Endpoint, FakeStack, Fault, FaultKind, StackConfig};
//!
//! let stack = FakeStack::bind(StackConfig::default()).await?;
//! let code = stack.control().login_code("alice").expect("alice exists");
//! stack.control().plant(Endpoint::Token, Fault::once(FaultKind::status(503)));
//! stack.control().plant(Endpoint::GetCredentials, Fault::always(FaultKind::Hold));
//! // … log in at `stack.catalog_url()` with `code` …
//! assert_eq!(stack.control().calls(Endpoint::Token), 2);
//! stack.shutdown().await;
//! # Ok(())
//! # }
//! ```

mod administration;
mod aws;
mod catalog;
mod clock;
mod config;
mod connect;
mod connection;
mod control;
mod counts;
mod demo;
mod endpoint;
mod fault_injection;
mod faults;
mod graphql;
mod identity;
mod oauth;
mod pages;
mod random;
mod registry;
mod s3;
mod seen;
mod serve;
mod settings;
mod shared;
mod state;
#[cfg(test)]
mod tests;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use self::aws::roles::AssumedRole;
pub use self::clock::Clock;
pub use self::config::{
    ACCOUNT, AwsRoleConfig, BucketAccess, BucketConfig, IamUserConfig, Ports, RoleConfig,
    StackConfig, UserConfig,
};
pub use self::control::{Control, UserChange};
pub use self::counts::{Count, Counts};
pub use self::demo::{DEMO_BUCKET, DEMO_KEY, PRIVATE_BUCKET};
pub use self::endpoint::{Endpoint, EndpointSet, Host, UnknownEndpoint};
pub use self::faults::{Fault, FaultKind, Planted};
pub use self::identity::keys::{KeySeed, NewKey};
pub use self::identity::users::DirectoryError;
pub use self::seen::Seen;
pub use self::settings::{ConnectSettings, GraphqlRefusal, Rotation, Settings, TokenRefusal};

use self::fault_injection::Guard;
use self::serve::Server;
use self::state::{Core, Urls};

/// A running deployment. It stops when it is dropped.
#[derive(Debug)]
pub struct FakeStack {
    urls: Urls,
    control: Control,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl FakeStack {
    /// Binds every listener, then starts serving: once this returns, all of it answers.
    pub async fn bind(config: StackConfig) -> io::Result<Self> {
        let ports = config.ports;
        let (catalog, catalog_url) = listen(ports.catalog).await?;
        let (registry, registry_url) = listen(ports.registry).await?;
        let (s3, s3_url) = listen(ports.s3).await?;
        let (sts, sts_url) = listen(ports.sts).await?;
        let (control_listener, control_url) = listen(ports.control).await?;
        let urls = Urls {
            catalog: catalog_url,
            registry: registry_url,
            s3: s3_url,
            sts: sts_url,
            control: control_url,
        };
        let core = Arc::new(Core::new(config, urls.clone()));
        let control = Control::new(Arc::clone(&core));
        let steering = control::http::router(control.clone());
        let stack = Self {
            urls,
            control,
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        };
        for (host, listener) in Host::ALL.into_iter().zip([catalog, registry, s3, sts]) {
            let router = match host {
                Host::Catalog => catalog::router(&core).merge(steering.clone()),
                Host::Registry => registry::router(&core),
                Host::S3 => s3::router(&core),
                Host::Sts => aws::sts::router(&core),
            };
            let guard = Guard {
                core: Arc::clone(&core),
                host,
            };
            let router = router.layer(from_fn_with_state(guard, fault_injection::guard));
            stack.serve(listener, router, core.refusing.of(host).subscribe())?;
        }
        stack.serve(
            control_listener,
            steering,
            watch::Sender::new(false).subscribe(),
        )?;
        Ok(stack)
    }

    /// The catalog, which is also the OAuth server's origin.
    pub fn catalog_url(&self) -> &str {
        &self.urls.catalog
    }

    /// The registry.
    pub fn registry_url(&self) -> &str {
        &self.urls.registry
    }

    /// S3, for `AWS_ENDPOINT_URL_S3`.
    pub fn s3_url(&self) -> &str {
        &self.urls.s3
    }

    /// STS, for `AWS_ENDPOINT_URL_STS`.
    pub fn sts_url(&self) -> &str {
        &self.urls.sts
    }

    /// The console federation endpoint.
    pub fn federation_url(&self) -> String {
        format!("{}/federation", self.urls.sts)
    }

    /// Control over HTTP, under `/_control`. The catalog serves it too; this one also answers
    /// while the catalog refuses connections.
    pub fn control_url(&self) -> &str {
        &self.urls.control
    }

    /// Control in this process.
    pub fn control(&self) -> &Control {
        &self.control
    }

    /// Stops listening, drops every connection and waits until nothing runs any more.
    pub async fn shutdown(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    fn serve(
        &self,
        listener: TcpListener,
        router: Router,
        refusing: watch::Receiver<bool>,
    ) -> io::Result<()> {
        let server = Server {
            address: listener.local_addr()?,
            listener,
            router,
            refusing,
            stop: self.stop.clone(),
            tasks: self.tasks.clone(),
        };
        self.tasks.spawn(server.run());
        Ok(())
    }
}

impl Drop for FakeStack {
    fn drop(&mut self) {
        self.stop.cancel();
        self.tasks.close();
    }
}

async fn listen(port: u16) -> io::Result<(TcpListener, String)> {
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await?;
    let url = format!("http://{}", listener.local_addr()?);
    Ok((listener, url))
}
