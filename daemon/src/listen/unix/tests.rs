use std::fs;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixStream;

use super::*;

/// A directory and a socket path two levels below it, neither made yet.
fn place() -> (tempfile::TempDir, PathBuf) {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("state/quilt/quiltd.sock");
    (root, path)
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().mode() & 0o7777
}

fn make_dir(dir: &Path, mode: u32) {
    fs::create_dir_all(dir).unwrap();
    fs::set_permissions(dir, fs::Permissions::from_mode(mode)).unwrap();
}

fn refusal(path: &Path) -> BindError {
    let error = bind(path).unwrap_err();
    assert!(!error.to_string().contains('\n'), "{error}");
    error
}

#[test]
fn makes_a_private_directory_and_socket() {
    let (_root, path) = place();
    let (socket, _lock) = bind(&path).unwrap();
    let dir = path.parent().unwrap();
    assert_eq!(mode(dir), 0o700);
    assert_eq!(mode(dir.parent().unwrap()), 0o700);
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(&path.with_file_name("quiltd.sock.lock")), 0o600);
    assert!(!path.with_file_name("quiltd.sock~").exists());
    assert_eq!(socket.path(), path);
    UnixStream::connect(&path).unwrap();
}

#[test]
fn a_directory_that_is_gone_is_not_made_anew() {
    let (_root, path) = place();
    let gone = bind_where_one_is(&path);
    assert!(gone.is_err() && !path.parent().unwrap().exists());
    drop(bind(&path).unwrap());
    bind_where_one_is(&path).unwrap();
    make_dir(path.parent().unwrap(), 0o755);
    assert!(bind_where_one_is(&path).is_err());
}

#[test]
fn removes_its_own_socket_only() {
    let (_root, path) = place();
    let (socket, lock) = bind(&path).unwrap();
    drop((socket, lock));
    assert!(!path.exists());

    let (socket, _lock) = bind(&path).unwrap();
    fs::remove_file(&path).unwrap();
    let _other = UnixListener::bind(&path).unwrap();
    drop(socket);
    assert!(path.exists());
}

#[test]
fn refuses_unfit_directories() {
    let (root, path) = place();
    let dir = path.parent().unwrap();

    make_dir(dir, 0o750);
    let error = refusal(&path);
    assert!(matches!(error, BindError::DirectoryLoose { .. }));
    assert!(error.to_string().contains("mode 0750"), "{error}");

    let real = root.path().join("real");
    fs::DirBuilder::new().mode(0o700).create(&real).unwrap();
    fs::remove_dir(dir).unwrap();
    symlink(&real, dir).unwrap();
    assert!(matches!(refusal(&path), BindError::DirectorySymlink { .. }));

    fs::remove_file(dir).unwrap();
    symlink(root.path().join("nowhere"), dir).unwrap();
    assert!(matches!(refusal(&path), BindError::DirectorySymlink { .. }));

    fs::remove_file(dir).unwrap();
    fs::write(dir, "").unwrap();
    assert!(matches!(refusal(&path), BindError::NotADirectory { .. }));
}

#[test]
fn refuses_a_directory_of_another_owner() {
    let (_root, path) = place();
    let dir = path.parent().unwrap();
    make_dir(dir, 0o700);
    if geteuid().is_root() {
        std::os::unix::fs::chown(dir, Some(65534), None).unwrap();
        assert!(matches!(refusal(&path), BindError::DirectoryForeign { .. }));
    } else {
        let of_root = Path::new("/quiltd.sock");
        assert!(matches!(
            refusal(of_root),
            BindError::DirectoryForeign { owner: 0, .. }
        ));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_path_that_is_longer_than_an_address_is_a_place() {
    let (root, _) = place();
    let deep = root.path().join("d/".repeat(100));
    let path = deep.join("quiltd.sock");
    let (socket, _lock) = bind(&path).unwrap();
    assert_eq!(socket.path(), path);
    assert!(matches!(refusal(&path), BindError::AlreadyRunning { .. }));
    drop(socket);
    assert!(!path.exists());
}

#[test]
fn refuses_paths_that_are_no_place_for_a_socket() {
    let (root, path) = place();
    assert!(matches!(
        refusal(Path::new("/")),
        BindError::NotAFile { .. }
    ));
    assert!(matches!(refusal(Path::new("")), BindError::NotAFile { .. }));

    let name = "s".repeat(LONGEST_SOCKET_PATH);
    let longer = root.path().join("d").join(name);
    assert!(matches!(refusal(&longer), BindError::TooLong { .. }));

    make_dir(path.parent().unwrap(), 0o700);
    fs::write(&path, "precious").unwrap();
    assert!(matches!(
        refusal(&path),
        BindError::NotASocket {
            kind: "plain file",
            ..
        }
    ));
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");

    fs::remove_file(&path).unwrap();
    let target = root.path().join("target.sock");
    let _live = UnixListener::bind(&target).unwrap();
    symlink(&target, &path).unwrap();
    assert!(matches!(
        refusal(&path),
        BindError::NotASocket {
            kind: "symlink",
            ..
        }
    ));
    assert!(target.exists());
}

#[test]
fn refuses_a_lock_file_that_is_a_symlink() {
    let (root, path) = place();
    make_dir(path.parent().unwrap(), 0o700);
    let target = root.path().join("target");
    symlink(&target, path.with_file_name("quiltd.sock.lock")).unwrap();
    assert!(matches!(refusal(&path), BindError::Distrusted { .. }));
    assert!(!target.exists());
}

#[test]
fn says_what_else_is_in_the_place_of_the_lock() {
    let (_root, path) = place();
    make_dir(path.parent().unwrap(), 0o700);
    let lock = path.with_file_name("quiltd.sock.lock");
    let made = std::process::Command::new("mkfifo").arg(&lock).status();
    assert!(made.unwrap().success());
    let refusal = refusal(&path).to_string();
    assert!(refusal.contains("is not a regular file"), "{refusal}");
}

#[test]
fn replaces_a_stale_socket_and_never_a_live_one() {
    let (_root, path) = place();
    make_dir(path.parent().unwrap(), 0o700);
    drop(UnixListener::bind(&path).unwrap());
    drop(UnixListener::bind(path.with_file_name("quiltd.sock~")).unwrap());
    let (socket, lock) = bind(&path).unwrap();
    assert_eq!(mode(&path), 0o600);

    assert!(matches!(refusal(&path), BindError::AlreadyRunning { .. }));
    UnixStream::connect(&path).unwrap();
    drop((socket, lock));

    let _foreign = UnixListener::bind(&path).unwrap();
    assert!(matches!(refusal(&path), BindError::InUse { .. }));
    UnixStream::connect(&path).unwrap();
}

#[test]
fn a_listener_with_a_full_backlog_is_alive() {
    use rustix::net::{AddressFamily, SocketAddrUnix, SocketType, listen, socket};

    let (_root, path) = place();
    make_dir(path.parent().unwrap(), 0o700);
    let busy = socket(AddressFamily::UNIX, SocketType::STREAM, None).unwrap();
    rustix::net::bind(&busy, &SocketAddrUnix::new(&path).unwrap()).unwrap();
    listen(&busy, 0).unwrap();
    let _waiting = UnixStream::connect(&path).unwrap();
    assert!(matches!(refusal(&path), BindError::InUse { .. }));
}
