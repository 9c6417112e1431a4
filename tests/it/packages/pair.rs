//! Two equal registries: quilt3 deletes from one, quiltctl from the other.

use quilt_tests::harness::Run;
use serde_json::{Value, json};

use super::sdk::Objects;
use super::world::{Packages, Place};

pub(crate) struct Pair {
    theirs: String,
    pub(crate) ours: String,
}

/// How a deletion has to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Done = 0,
    NotFound = 7,
    Ambiguous = 8,
}

impl Pair {
    /// Versions of packages, as name, content and time, written to one
    /// registry and copied to the other.
    pub(crate) async fn write<N: AsRef<str>>(
        packages: &mut Packages,
        place: Place,
        registry: &str,
        history: impl IntoIterator<Item = (N, u64, u64)>,
    ) -> Self {
        let theirs = packages.registry(place, registry).await;
        for (name, content, at) in history {
            let name = name.as_ref();
            packages.sdk.build(name, &theirs, content, at).await;
        }
        Self::copy(packages, theirs).await
    }

    pub(crate) async fn copy(packages: &mut Packages, theirs: String) -> Self {
        let ours = format!("{theirs}-twin");
        let args = json!({"source": theirs, "target": ours});
        packages.sdk.must("copy", args).await;
        let pair = Self { theirs, ours };
        pair.same_objects(packages, "a copy").await;
        pair
    }

    /// Both delete the same, a package or one version of it, and end alike.
    /// Before and after, quiltctl names the same packages and versions as
    /// quilt3 does.
    pub(crate) async fn delete(&self, packages: &mut Packages, name: &str, hash: Option<&str>) {
        let context = format!("{name} {hash:?} of {}", self.ours);
        self.compare(packages, name).await;
        let end = self.expected(packages, name, hash).await;
        let args = json!({"name": name, "registry": self.theirs, "top_hash": hash});
        let theirs = packages.sdk.attempt("delete", args).await;
        let run = packages.delete(&self.ours, name, hash).await;
        if end == End::Done {
            theirs.unwrap_or_else(|error| panic!("{context}: {error}"));
            let done = run.ok();
            assert!(
                done.contains(name) && done.contains(&format!("from {}", self.ours)),
                "{done}"
            );
        } else {
            // quilt3 finds nothing wrong with deleting from S3 what is not there.
            let said = theirs.err().unwrap_or_default();
            self.refused(run, end, name, hash, &said);
        }
        self.same_objects(packages, &context).await;
        self.compare(packages, name).await;
    }

    /// Whether there is something to delete, going by what quilt3 finds.
    async fn expected(&self, packages: &mut Packages, name: &str, hash: Option<&str>) -> End {
        let args = json!({"name": name, "registry": self.theirs});
        let versions = packages.sdk.must("versions", args.clone()).await;
        let versions = versions.as_array().expect("a list");
        let Some(hash) = hash else {
            return if versions.is_empty() {
                End::NotFound
            } else {
                End::Done
            };
        };
        let mut args = args;
        args["prefix"] = json!(hash);
        match packages.sdk.attempt("resolve", args).await {
            Ok(hash) if versions.iter().any(|version| version[1] == hash) => End::Done,
            Err(error) if error.contains("multiple matches") => End::Ambiguous,
            _ => End::NotFound,
        }
    }

    /// In quilt3's words, where it refused in words of its own.
    fn refused(&self, run: Run, end: End, name: &str, hash: Option<&str>, said: &str) {
        let line = run.failed(end as i32);
        let words = match (said.strip_prefix("QuiltException: "), hash) {
            (Some(words), _) => words.to_owned(),
            (None, None) => {
                let name = quilt_proto::quoted::name(name);
                format!("there is no package {name} in {}", self.ours)
            }
            (None, Some(_)) => "No such package version exists".to_owned(),
        };
        assert!(line.contains(&words), "{line}, not {words}");
    }

    async fn same_objects(&self, packages: &mut Packages, context: &str) {
        let theirs = packages.sdk.objects(&self.theirs).await;
        let ours = packages.sdk.objects(&self.ours).await;
        let only = |these: &Objects, those: &Objects| -> Vec<String> {
            let other = these
                .iter()
                .filter(|(key, value)| those.get(*key) != Some(value));
            other.map(|(key, _)| key.clone()).collect()
        };
        let differ = [only(&theirs, &ours), only(&ours, &theirs)];
        assert_eq!(differ, [[""; 0]; 2], "quilt3's and ours, {context}");
    }

    /// Both name the same packages and the same versions of this one, and
    /// what `latest` points to can be opened.
    async fn compare(&self, packages: &mut Packages, name: &str) {
        let names = packages.same_names(&self.ours).await;
        if !names.iter().any(|there| there == name) {
            return;
        }
        packages.same_versions(name, &self.ours).await;
        let args = json!({"name": name, "registry": self.ours});
        let opened = packages.sdk.must("opened", args).await;
        assert!(matches!(opened, Value::String(_)), "{opened}");
    }
}
