//! A catalog that names another registry for a moment gets no secret there.

mod config;
mod keys;
mod logins;
mod meanwhile;
mod races;
pub(crate) mod terminal;

use quilt_proto::wire::TokenKind;
use quilt_tests::fake_stack::{FakeStack, KeySeed, StackConfig};
use quilt_tests::harness::{Run, World};
use serde_json::json;
use tokio::process::Command;

use crate::web_login::approving;

/// A stack, and another one whose registry it can be made to name.
struct Two {
    world: World,
    other: FakeStack,
}

impl Two {
    async fn start() -> Self {
        Self::with(World::with(approving()).await).await
    }

    async fn logged_in() -> Self {
        let two = Self::start().await;
        two.world.login().await;
        two
    }

    async fn with(world: World) -> Self {
        let other = FakeStack::bind(StackConfig::default()).await.unwrap();
        Self { world, other }
    }

    /// The catalog names the other registry.
    fn lie(&self) {
        let url = self.other.registry_url().to_owned();
        self.world.stack.control().update(|settings| {
            settings
                .config_overrides
                .insert("registryUrl".to_owned(), json!(url));
        });
    }

    /// The catalog names its own again.
    fn truth(&self) {
        let control = self.world.stack.control();
        control.update(|settings| drop(settings.config_overrides.remove("registryUrl")));
    }

    /// The other registry's host, as a user agrees to it.
    fn host(&self) -> &str {
        self.other.registry_url().split_once("://").unwrap().1
    }

    /// Nobody asked the other registry for anything.
    #[track_caller]
    fn untouched(&self) {
        let counts = self.other.control().counts();
        assert!(counts.endpoints.is_empty(), "{counts:?}");
    }

    /// quiltctl where nothing but the configuration names a catalog.
    fn unnamed(&self, args: &[&str]) -> Command {
        let mut command = self.world.ctl_command(args);
        command.env_remove("QUILT_CATALOG");
        command
    }

    async fn login(&self, args: &[&str]) -> Run {
        let code = self.world.stack.control().login_code("alice").unwrap();
        self.login_with(&code, args).await
    }

    async fn login_with(&self, code: &str, args: &[&str]) -> Run {
        let args = [&["login", "--code-stdin"], args].concat();
        self.world.ctl_with_input(&args, code).await
    }

    async fn use_key(&self, key: &str, args: &[&str]) -> Run {
        let args = [&["login", "--api-key"], args].concat();
        self.world.ctl_with_input(&args, key).await
    }

    /// A key of alice's at her own stack.
    fn key(&self) -> String {
        let control = self.world.stack.control();
        control
            .add_key(&KeySeed::new("alice", "ci"))
            .unwrap()
            .secret
    }

    /// The line of a refusal that names what was not asked, and the command
    /// with which it may be agreed to.
    #[track_caller]
    fn refused(&self, run: Run, command: &str) {
        let line = run.failed(6);
        let (host, catalog) = (self.host(), self.world.stack.catalog_url());
        assert!(
            line.contains("names another registry than before"),
            "{line}"
        );
        let hint = format!("run: quiltctl {command} --catalog {catalog} --accept-registry {host}");
        // Other options that were typed stand behind it.
        let rest = line.split_once(&hint).map(|(_, rest)| rest);
        assert!(
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(" --")),
            "{line}"
        );
        self.untouched();
    }

    async fn kind(&self) -> Option<TokenKind> {
        self.world.client().session().await.unwrap().status.kind
    }
}
