use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;

/// What the SDK does with credentials it was given.
fn sdk_writes(path: &Path) {
    use std::io::Write;
    let mut file = File::create(path).unwrap();
    file.write_all(b"{\"secret_key\": \"canary\"}").unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_sdk_writes_never_gets_the_name() {
    let dir = tempfile::TempDir::new().unwrap();
    let placeholder = Placeholder {
        grace: Duration::ZERO,
        ..Placeholder::in_dir(dir.path())
    };
    placeholder.set_up().unwrap();
    let wanted = Arc::new(AtomicBool::new(true));
    let is_wanted = {
        let wanted = Arc::clone(&wanted);
        move || wanted.load(Ordering::SeqCst)
    };
    let stop = CancellationToken::new();
    let keeping = tokio::spawn(placeholder.clone().keep(is_wanted, stop.clone()));
    let path = placeholder.path().to_owned();
    let beaten = tokio::task::spawn_blocking(move || {
        let placeholder = Placeholder::in_dir(path.parent().unwrap());
        // Until the lease is there, it is replaced after a while only.
        loop {
            sdk_writes(&path);
            if placeholder.is_there() {
                break;
            }
            std::thread::yield_now();
        }
        for _ in 0..100 {
            sdk_writes(&path);
            if !placeholder.is_there() {
                return false;
            }
        }
        true
    });
    if cfg!(target_os = "linux") {
        assert!(beaten.await.unwrap());
    }
    wanted.store(false, Ordering::SeqCst);
    let path = placeholder.path().to_owned();
    tokio::task::spawn_blocking(move || sdk_writes(&path))
        .await
        .unwrap();
    assert!(!placeholder.is_there(), "it is the SDK's own again");
    wanted.store(true, Ordering::SeqCst);
    while !placeholder.is_there() {
        tokio::task::yield_now().await;
    }
    stop.cancel();
    keeping.await.unwrap();
}

/// What keeps a placeholder there until it is stopped, once it is there.
#[cfg(target_os = "linux")]
async fn kept(placeholder: &Placeholder) -> (tokio::task::JoinHandle<()>, CancellationToken) {
    let stop = CancellationToken::new();
    let keeping = tokio::spawn(placeholder.clone().keep(|| true, stop.clone()));
    while !placeholder.is_there() {
        tokio::task::yield_now().await;
    }
    (keeping, stop)
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_reader_never_finds_what_the_sdk_writes() {
    use std::io::Read;

    let dir = tempfile::TempDir::new().unwrap();
    let placeholder = Placeholder {
        grace: Duration::from_mins(10),
        rest: Duration::from_mins(10),
        ..Placeholder::in_dir(dir.path())
    };
    let path = placeholder.path().to_owned();
    let (keeping, stop) = kept(&placeholder).await;
    let inode = || fs::metadata(&path).unwrap().ino();
    let mut reader = File::open(&path).unwrap();
    let before = inode();
    let writer = {
        let path = path.clone();
        std::thread::spawn(move || sdk_writes(&path))
    };
    while inode() == before {
        tokio::task::yield_now().await;
    }
    assert!(placeholder.is_there(), "others find the new one at once");
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    assert_eq!(text, TEXT);
    assert!(!writer.is_finished());
    stop.cancel();
    keeping.await.unwrap();
    writer.join().unwrap();
    assert!(placeholder.is_there());
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_writer_waits_for_no_reader_that_there_is_not() {
    let dir = tempfile::TempDir::new().unwrap();
    let placeholder = Placeholder {
        grace: Duration::from_mins(10),
        ..Placeholder::in_dir(dir.path())
    };
    let path = placeholder.path().to_owned();
    let (keeping, stop) = kept(&placeholder).await;
    let writers = tokio::task::spawn_blocking(move || {
        let inode = || fs::metadata(&path).unwrap().ino();
        for _ in 0..20 {
            // As the SDK does: it reads, asks the gateway, and writes.
            let file = File::open(&path).unwrap();
            let before = file.metadata().unwrap().ino();
            assert_eq!(io::read_to_string(file).unwrap(), TEXT);
            while inode() == before {
                std::thread::yield_now();
            }
            sdk_writes(&path);
        }
    });
    let all = tokio::time::timeout(Duration::from_mins(2), writers);
    all.await.expect("they waited for nobody").unwrap();
    stop.cancel();
    keeping.await.unwrap();
}

#[test]
fn what_lay_there_comes_back() {
    let dir = tempfile::TempDir::new().unwrap();
    let placeholder = Placeholder::in_dir(&dir.path().join("Quilt"));
    placeholder.set_up().unwrap();
    placeholder.undo().unwrap();
    assert!(!placeholder.path().exists());
    fs::write(placeholder.path(), "{}").unwrap();
    placeholder.set_up().unwrap();
    placeholder.set_up().unwrap();
    assert!(placeholder.is_there());
    placeholder.undo().unwrap();
    placeholder.undo().unwrap();
    assert_eq!(fs::read_to_string(placeholder.path()).unwrap(), "{}");
    assert_eq!(fs::read_dir(dir.path().join("Quilt")).unwrap().count(), 1);
}
