use std::time::Duration;

use tokio::io::AsyncReadExt;

use super::*;

fn listener(uid: u32) -> (tempfile::TempDir, std::path::PathBuf, PeerListener) {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("quilt/quiltd.sock");
    let (socket, _lock) = super::super::unix::bind(&path).unwrap();
    let (_, later) = mpsc::unbounded_channel();
    let listener = PeerListener::new(socket, None, later).unwrap();
    let listener = PeerListener { uid, ..listener };
    (root, path, listener)
}

#[test]
fn only_the_daemons_own_user_is_served() {
    let peer = |uid| Peer {
        uid,
        pid: None,
        requested_by: Arc::default(),
    };
    assert!(peer(1000).is_served_by(1000));
    assert!(!peer(1001).is_served_by(1000));
    assert!(!peer(0).is_served_by(1000));
    assert!(!peer(1000).is_served_by(0));
}

#[tokio::test]
async fn knows_its_caller() {
    let (_root, path, mut listener) = listener(geteuid().as_raw());
    let _client = UnixStream::connect(&path).await.unwrap();
    let (io, peer) = listener.accept().await.unwrap();
    assert_eq!(peer.uid, geteuid().as_raw());
    assert_eq!(peer.pid, Some(std::process::id()));
    assert_eq!(peer.requested_by(), None);
    let handlers = peer.clone();
    peer.speaks(&io);
    let peer = handlers;
    if cfg!(target_os = "linux") {
        let program = peer.requested_by().unwrap();
        assert_eq!(program.pid, std::process::id());
        assert_eq!(program.executable, std::env::current_exe().ok());
    }
}

#[tokio::test]
async fn whoever_hung_up_is_not_taken_for_another() {
    let (_root, path, mut listener) = listener(geteuid().as_raw());
    let client = UnixStream::connect(&path).await.unwrap();
    let (io, peer) = listener.accept().await.unwrap();
    drop(client);
    peer.speaks(&io);
    assert_eq!(peer.requested_by(), None);
}

#[tokio::test]
async fn hangs_up_on_another_user() {
    let (_root, path, mut listener) = listener(geteuid().as_raw() + 1);
    let mut client = UnixStream::connect(&path).await.unwrap();
    let mut answer = Vec::new();
    tokio::select! {
        _ = listener.accept() => panic!("served another user"),
        read = client.read_to_end(&mut answer) => assert_eq!(read.unwrap(), 0),
        () = tokio::time::sleep(Duration::from_secs(10)) => panic!("kept another user waiting"),
    }
}
