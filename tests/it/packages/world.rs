//! A daemon whose S3 is moto's, and quilt3 beside it in the same home.

use quilt_tests::harness::{Daemon, Run, World};
use serde_json::{Value, json};

use super::moto::Moto;
use super::sdk::Sdk;

/// Where registries are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    S3,
    Local,
}

pub(crate) struct Packages {
    pub(crate) world: World,
    pub(crate) sdk: Sdk,
    _moto: Moto,
}

impl Packages {
    /// Alice is logged in; registries have this layout.
    pub(crate) async fn start(layout: u8) -> Self {
        let moto = Moto::start().await;
        let mut world = World::logged_in().await;
        world.daemon.take().expect("a daemon").kill().await;
        world.daemon = Some(daemon(&world, &moto.url).await);
        let set = format!("default_registry_version={layout}");
        world.ctl(&["config", "--set", &set]).await.ok();
        let sdk = Sdk::start(&world.home, &moto.url);
        Self {
            world,
            sdk,
            _moto: moto,
        }
    }

    /// A new registry.
    pub(crate) async fn registry(&mut self, place: Place, name: &str) -> String {
        match place {
            Place::S3 => {
                self.sdk.must("bucket", json!({"name": name})).await;
                format!("s3://{name}")
            }
            Place::Local => format!("file://{}/{name}", self.world.home.path().display()),
        }
    }

    /// Our answer, in JSON.
    pub(crate) async fn ours(&self, args: &[&str]) -> Value {
        let args = [args, &["--json"]].concat();
        serde_json::from_str(&self.world.ctl(&args).await.ok()).expect("valid JSON")
    }

    /// Both answer every question about a registry the same way.
    pub(crate) async fn agree(&mut self, registry: &str) {
        for name in self.same_names(registry).await {
            self.same_versions(&name, registry).await;
        }
    }

    /// Both name the same packages: these.
    pub(crate) async fn same_names(&mut self, registry: &str) -> Vec<String> {
        let theirs = self.sdk.must("listed", json!({"registry": registry})).await;
        let ours = self.ours(&["packages", "list", registry]).await;
        assert_eq!(sorted(&ours), sorted(&theirs), "{registry}");
        serde_json::from_value(ours).expect("names")
    }

    /// Both name the same versions of a package.
    pub(crate) async fn same_versions(&mut self, name: &str, registry: &str) {
        let args = json!({"name": name, "registry": registry});
        let theirs = self.sdk.must("versions", args).await;
        let ours = self
            .ours(&["packages", "versions", name, "--registry", registry])
            .await;
        let ours = ours.as_array().expect("a list").iter();
        let pairs: Vec<Value> = ours
            .map(|found| json!([found["version"], found["top_hash"]]))
            .collect();
        assert_eq!(
            sorted(&json!(pairs)),
            sorted(&theirs),
            "{name} in {registry}"
        );
    }

    pub(crate) async fn delete(&self, registry: &str, name: &str, hash: Option<&str>) -> Run {
        let mut args = vec!["packages", "delete", name, "--registry", registry, "--yes"];
        args.extend(hash.map(|hash| ["--top-hash", hash]).into_iter().flatten());
        self.world.ctl(&args).await
    }
}

/// Serves something on loopback: where, and what ends it when it is dropped.
pub(crate) async fn served(router: axum::Router) -> (String, tokio::task::JoinSet<()>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let mut serving = tokio::task::JoinSet::new();
    serving.spawn(async move { axum::serve(listener, router).await.unwrap() });
    (url, serving)
}

/// A daemon in the world's home that finds S3 at `url`.
pub(crate) async fn daemon(world: &World, url: &str) -> Daemon {
    let variables = [("AWS_ENDPOINT_URL_S3", url)];
    Daemon::start_with(&world.home, &["--token-store", "file"], &variables).await
}

/// A list without regard to order.
pub(crate) fn sorted(list: &Value) -> Vec<Value> {
    let mut list = list.as_array().expect("a list").clone();
    list.sort_by_key(Value::to_string);
    list
}
