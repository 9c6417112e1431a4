//! Directories, links among them.

use std::fs;
use std::os::unix::fs::{PermissionsExt, lchown, symlink};
use std::path::Path;
use std::sync::Arc;

use tempfile::TempDir;

use crate::package::layout::Layout;
use crate::package::local::LocalStore;
use crate::package::{PackageError, Registry, StoreError};

fn put(root: &Path, key: &str, content: &str) {
    let path = root.join(key);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

fn registry(root: &Path, layout: Layout) -> Registry {
    let store = Arc::new(LocalStore::new(root.to_owned()));
    Registry::new("file:///registry".to_owned(), Some(layout), store)
}

#[tokio::test]
async fn a_package_goes_and_its_siblings_stay() {
    let dir = TempDir::new().unwrap();
    for name in ["ns/a", "ns/ab", "other/a"] {
        put(
            dir.path(),
            &format!(".quilt/named_packages/{name}/latest"),
            &"a".repeat(64),
        );
    }
    let empty = dir.path().join(".quilt/named_packages/ns/empty");
    fs::create_dir(&empty).unwrap();
    let one = registry(dir.path(), Layout::One);
    one.delete(&"ns/a".parse().unwrap(), None).await.unwrap();
    assert!(
        empty.exists()
            && dir
                .path()
                .join(".quilt/named_packages/ns/ab/latest")
                .exists()
    );
    one.delete(&"other/a".parse().unwrap(), None).await.unwrap();
    assert!(
        !dir.path().join(".quilt/named_packages/other").exists(),
        "an empty namespace goes"
    );
    one.delete(&"ns/empty".parse().unwrap(), None)
        .await
        .unwrap();
    assert!(!empty.exists());
}

#[tokio::test]
async fn links_are_never_followed() {
    let dir = TempDir::new().unwrap();
    let outside = TempDir::new().unwrap();
    put(outside.path(), "name/latest", "precious");
    put(outside.path(), "latest", "precious");
    let pointers = dir.path().join(".quilt/named_packages");
    fs::create_dir_all(pointers.join("ns/inner")).unwrap();
    symlink(outside.path().join("name"), pointers.join("ns/name")).unwrap();
    symlink(outside.path(), pointers.join("linked")).unwrap();
    symlink(
        outside.path().join("name"),
        pointers.join("ns/inner/folder"),
    )
    .unwrap();
    symlink(
        outside.path().join("latest"),
        pointers.join("ns/inner/latest"),
    )
    .unwrap();
    let one = registry(dir.path(), Layout::One);
    for name in ["ns/name", "linked/name"] {
        let name = name.parse().unwrap();
        let refused = one.delete(&name, None).await.unwrap_err();
        assert!(
            matches!(refused, PackageError::Store(StoreError::Denied { .. })),
            "{refused}"
        );
        assert!(one.versions(&name).await.is_err());
    }
    one.delete(&"ns/inner".parse().unwrap(), None)
        .await
        .unwrap();
    assert!(
        !pointers.join("ns/inner").exists(),
        "the links themselves go"
    );
    assert_eq!(
        fs::read(outside.path().join("name/latest")).unwrap(),
        b"precious"
    );
    assert_eq!(
        fs::read(outside.path().join("latest")).unwrap(),
        b"precious"
    );
}

/// Whoever made it has it lead where he likes: into this user's own registry.
#[tokio::test]
async fn of_links_to_a_registry_only_our_own_are_followed() {
    let dir = TempDir::new().unwrap();
    let name = "ns/name".parse().unwrap();
    let real = dir.path().join("real");
    put(
        &real,
        ".quilt/named_packages/ns/name/latest",
        &"a".repeat(64),
    );
    fs::create_dir(dir.path().join("way")).unwrap();
    symlink("../real", dir.path().join("way/link")).unwrap();
    let linked = registry(&dir.path().join("way/link"), Layout::One);
    assert_eq!(linked.versions(&name).await.unwrap().len(), 1);
    let dots = registry(&dir.path().join("way/link/../real/."), Layout::One);
    assert_eq!(dots.versions(&name).await.unwrap().len(), 1);
    // Whoever may write to a directory may put another link there.
    let way = dir.path().join("way");
    let chmod = |mode| fs::set_permissions(&way, fs::Permissions::from_mode(mode)).unwrap();
    chmod(0o777);
    assert!(linked.delete(&name, None).await.is_err());
    chmod(0o1777);
    assert_eq!(linked.versions(&name).await.unwrap().len(), 1);
    // Nor has the group to be nobody's but this user's, nor nobody be on its
    // access control list.
    chmod(0o755);
    let somebody: &[(u16, u16, u32)] = &[
        (0x01, 7, u32::MAX),
        (0x02, 7, 60_123),
        (0x04, 5, u32::MAX),
        (0x10, 7, u32::MAX),
        (0x20, 5, u32::MAX),
    ];
    let entries = somebody.iter().flat_map(|(tag, rights, id)| {
        [
            &tag.to_le_bytes()[..],
            &rights.to_le_bytes(),
            &id.to_le_bytes(),
        ]
        .concat()
    });
    let list: Vec<u8> = 2_u32.to_le_bytes().into_iter().chain(entries).collect();
    let given = rustix::fs::XattrFlags::empty();
    rustix::fs::setxattr(&way, "system.posix_acl_access", &list, given).unwrap();
    assert!(linked.delete(&name, None).await.is_err());
    rustix::fs::removexattr(&way, "system.posix_acl_access").unwrap();
    chmod(0o755);
    assert_eq!(linked.versions(&name).await.unwrap().len(), 1);
    if !rustix::process::getuid().is_root() {
        eprintln!("NOT RUN: a link of another user: this is not root");
        return;
    }
    lchown(dir.path().join("way/link"), Some(4711), None).unwrap();
    let refused = linked.delete(&name, None).await.unwrap_err();
    let said = refused.to_string();
    assert!(said.contains("those of other users on the way"), "{said}");
    assert!(linked.versions(&name).await.is_err());
    assert!(real.join(".quilt/named_packages/ns/name/latest").exists());
}

#[tokio::test]
async fn a_name_no_file_can_have_is_told_from_one_that_is_not_there() {
    let dir = TempDir::new().unwrap();
    let name = "ns/name".parse().unwrap();
    let gone = registry(&dir.path().join("gone"), Layout::One);
    let missing = gone.versions(&name).await.unwrap_err();
    assert!(
        !missing.to_string().contains("can have such a name"),
        "{missing}"
    );
    for odd in ["gone/\0".to_owned(), "x".repeat(300)] {
        let one = registry(&dir.path().join(odd), Layout::One);
        let refused = one.versions(&name).await.unwrap_err();
        assert!(
            refused.to_string().contains("can have such a name"),
            "{refused}"
        );
    }
}

#[tokio::test]
async fn a_file_in_the_place_of_a_registry_is_said_to_be_one() {
    let dir = TempDir::new().unwrap();
    put(dir.path(), "file", "");
    let one = registry(&dir.path().join("file"), Layout::One);
    let refused = one.versions(&"ns/name".parse().unwrap()).await.unwrap_err();
    assert!(
        matches!(refused, PackageError::Store(StoreError::Invalid { .. })),
        "{refused}"
    );
}

/// All of a package's are held at once.
#[tokio::test]
async fn a_pointer_is_no_longer_than_a_hash_needs() {
    let dir = TempDir::new().unwrap();
    let one = registry(dir.path(), Layout::One);
    let pointer = ".quilt/named_packages/ns/name/latest";
    put(dir.path(), pointer, &format!(" {}\r\n", "a".repeat(64)));
    let versions = one.versions(&"ns/name".parse().unwrap()).await.unwrap();
    assert_eq!(versions[0].top_hash, "a".repeat(64));
    put(dir.path(), pointer, &"a".repeat(300));
    let refused = one.versions(&"ns/name".parse().unwrap()).await.unwrap_err();
    assert!(refused.to_string().contains("too large"), "{refused}");
}

/// Whoever may write to a registry could make them by the ten thousand: each
/// took memory of the thread's and a descriptor.
#[tokio::test]
async fn folders_that_lie_too_deep_are_left_alone() {
    let dir = TempDir::new().unwrap();
    let one = registry(dir.path(), Layout::One);
    let name = "ns/name".parse().unwrap();
    let package = dir.path().join(".quilt/named_packages/ns/name");
    for (depth, is_deleted) in [(60, true), (100, false)] {
        put(&package, "latest", &"a".repeat(64));
        put(&package, &format!("{}file", "d/".repeat(depth)), "");
        let deleted = one.delete(&name, None).await;
        assert_eq!(deleted.is_ok(), is_deleted, "{depth}: {deleted:?}");
        assert_eq!(package.join("latest").exists(), !is_deleted, "{depth}");
        if let Err(error) = deleted {
            assert!(error.to_string().contains(" deep"), "{error}");
        }
    }
}

/// A team's, or another user's where root acts: whoever could read it goes on.
#[tokio::test]
async fn latest_is_as_much_for_others_as_it_was() {
    let dir = TempDir::new().unwrap();
    let package = dir.path().join(".quilt/named_packages/ns/p");
    let latest = package.join("latest");
    let registry = registry(dir.path(), Layout::One);
    let (old, new) = ("1".repeat(64), "2".repeat(64));
    for mode in [0o664, 0o600, 0o640, 0o644] {
        put(&package, "1", &old);
        put(&package, "2", &new);
        put(&package, "latest", &new);
        fs::set_permissions(&latest, fs::Permissions::from_mode(mode)).unwrap();
        let is_root = rustix::process::geteuid().is_root();
        if is_root {
            lchown(&latest, Some(60_123), Some(60_124)).unwrap();
        }
        let before = quilt_trust::PreservedPermissions::of(&latest).unwrap();
        let hash = new.parse().unwrap();
        registry
            .delete(&"ns/p".parse().unwrap(), Some(&hash))
            .await
            .unwrap();
        assert_eq!(fs::read_to_string(&latest).unwrap(), old);
        assert_eq!(
            quilt_trust::PreservedPermissions::of(&latest).unwrap(),
            before
        );
    }
}

#[tokio::test]
async fn latest_is_replaced_at_once_and_nothing_is_left_behind() {
    let dir = TempDir::new().unwrap();
    for (pointer, digit) in [("1", "a"), ("2", "b"), ("latest", "b")] {
        let key = format!(".quilt/named_packages/ns/name/{pointer}");
        put(dir.path(), &key, &digit.repeat(64));
    }
    let one = registry(dir.path(), Layout::One);
    let top_hash = "b".repeat(64).parse().unwrap();
    let done = one
        .delete(&"ns/name".parse().unwrap(), Some(&top_hash))
        .await
        .unwrap();
    assert_eq!(done.latest, Some("a".repeat(64)));
    let latest = dir.path().join(".quilt/named_packages/ns/name/latest");
    assert_eq!(fs::read_to_string(latest).unwrap(), "a".repeat(64));
    let top: Vec<_> = fs::read_dir(dir.path().join(".quilt")).unwrap().collect();
    assert_eq!(top.len(), 1);
}

#[tokio::test]
async fn a_directory_that_is_not_there_holds_nothing() {
    use futures_util::TryStreamExt;
    let dir = TempDir::new().unwrap();
    for layout in [Layout::One, Layout::Two] {
        let nowhere = registry(&dir.path().join("nowhere"), layout);
        assert!(nowhere.names().try_concat().await.unwrap().is_empty());
        let versions = nowhere.versions(&"a/b".parse().unwrap()).await;
        assert!(matches!(versions, Err(PackageError::NoSuchPackage { .. })));
    }
}
