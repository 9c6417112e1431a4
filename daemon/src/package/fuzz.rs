//! A registry in a directory, whose pointers and hashes somebody made up.

use std::fs;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use quilt_proto::{PackageName, TopHash};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

use super::Registry;
use super::layout::Layout;
use super::local::LocalStore;

/// What is beside the package, and stays.
const OTHERS: &str = "others";

fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        let mut builder = Builder::new_current_thread();
        builder.enable_all().build().expect("a runtime")
    })
}

fn put(root: &Path, key: &str, content: &[u8]) {
    let path = root.join(key);
    let dir = path.parent().expect("it lies in the registry");
    // Somebody may have made a file of its name.
    if fs::create_dir_all(dir).is_ok() && !path.is_dir() {
        let _ = fs::write(path, content);
    }
}

/// Each line is a pointer: its name, a space, and what it holds. What is listed
/// can be deleted, and is not listed then; what is beside it stays.
pub(crate) fn fuzz_registry(data: &[u8]) {
    let name: PackageName = "team/data".parse().expect("a name");
    for layout in [Layout::One, Layout::Two] {
        let dir = TempDir::new().expect("a directory");
        let (pointers, hashes) = match layout {
            Layout::One => (".quilt/named_packages/team/data", ".quilt/packages"),
            Layout::Two => (".quilt/v2/tags/team@data", ".quilt/v2/manifests/team@data"),
        };
        let beside = format!("{pointers}.{OTHERS}/latest");
        put(dir.path(), &beside, b"x");
        for line in data.split(|byte| *byte == b'\n').take(16) {
            let mut halves = line.splitn(2, |byte| *byte == b' ');
            let pointer = String::from_utf8_lossy(halves.next().unwrap_or_default());
            let content = halves.next().unwrap_or_default();
            let is_name = |text: &str| {
                !text.is_empty() && text.len() < 100 && !text.contains(['/', '\0']) && text != ".."
            };
            if is_name(&pointer) {
                put(dir.path(), &format!("{pointers}/{pointer}"), content);
            }
            let hash = String::from_utf8_lossy(content);
            if layout == Layout::Two && is_name(hash.trim()) {
                let key = format!("{hashes}/{}/manifest.jsonl", hash.trim());
                put(dir.path(), &key, content);
            }
        }
        let store = Arc::new(LocalStore::new(dir.path().to_owned()));
        let registry = Registry::new("file:///r".to_owned(), Some(layout), store);
        runtime().block_on(async {
            let Ok(versions) = registry.versions(&name).await else {
                return;
            };
            if let Some(version) = versions.first()
                && let Ok(hash) = version.top_hash.parse::<TopHash>()
                && let Ok(deleted) = registry.delete(&name, Some(&hash)).await
            {
                let gone = deleted.top_hash.expect("the whole hash");
                let left = registry.versions(&name).await.unwrap_or_default();
                assert!(left.iter().all(|version| version.top_hash != gone));
            }
            if registry.delete(&name, None).await.is_ok() {
                assert!(registry.versions(&name).await.is_err(), "it is gone");
            }
        });
        assert!(dir.path().join(beside).exists());
    }
}
