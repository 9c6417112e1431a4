//! Both clients against servers on a real socket, good and hostile.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use quilt_client::{Client, Error, blocking};
use quilt_proto::api::{Endpoint, Login, Logout, LogoutQuery, ReadHealth, ReadToken};
use quilt_proto::wire::LoginCode;
use quilt_proto::{ErrorCode, Secret};
use tempfile::TempDir;

/// A listening socket and the requests that arrived on it.
struct Server {
    socket: PathBuf,
    requests: Receiver<String>,
    _dir: TempDir,
}

impl Server {
    /// Serves every connection with `answer`, on its own thread.
    fn start(answer: impl Fn(UnixStream) + Send + Sync + Clone + 'static) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("s");
        let listener = UnixListener::bind(&socket).unwrap();
        let (sender, requests) = channel();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (mut stream, sender, answer) =
                    (stream.unwrap(), sender.clone(), answer.clone());
                thread::spawn(move || {
                    let request = read_request(&mut stream);
                    // The async client asks who listens on a connection of its own.
                    if !request.is_empty() {
                        let _ = sender.send(request);
                        answer(stream);
                    }
                });
            }
        });
        Self {
            socket,
            requests,
            _dir: dir,
        }
    }

    /// Serves every connection with the same bytes.
    fn saying(text: impl Into<String>) -> Self {
        let text = text.into();
        Self::start(move |mut stream| {
            let _ = stream.write_all(text.as_bytes());
        })
    }

    fn json(body: &str) -> Self {
        let length = body.len();
        Self::saying(format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}"
        ))
    }
}

/// Reads head and body, as far as the client said.
fn read_request(stream: &mut UnixStream) -> String {
    let mut bytes = Vec::new();
    let mut byte = [0];
    while !bytes.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) == 1 {
        bytes.push(byte[0]);
    }
    let mut text = String::from_utf8(bytes).unwrap();
    let length = text
        .to_ascii_lowercase()
        .split_once("content-length: ")
        .and_then(|(_, rest)| rest.split_once('\r')?.0.parse().ok())
        .unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    text.push_str(std::str::from_utf8(&body).unwrap());
    text
}

/// What both clients say about the same request.
fn both<E: Endpoint>(
    socket: &PathBuf,
    timeout: Duration,
    request: &E,
) -> [Result<E::Answer, Error>; 2] {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let quick = Client::new(socket).with_timeout(timeout);
    [
        blocking::Client::new(socket)
            .with_timeout(timeout)
            .send(request),
        runtime.block_on(quick.send(request)),
    ]
}

const SOON: Duration = Duration::from_secs(10);

#[test]
fn calls_are_sent_and_answered() {
    let server = Server::json(r#"{"token":"t","expires_at":null,"kind":"interactive"}"#);
    for answer in both(&server.socket, SOON, &ReadToken) {
        assert_eq!(answer.unwrap().token.expose(), "t");
        let request = server.requests.recv().unwrap().to_ascii_lowercase();
        assert!(
            request.starts_with("get /v1/token http/1.1\r\n"),
            "{request}"
        );
        assert!(request.contains("\r\nhost: localhost\r\n"), "{request}");
    }
}

#[test]
fn bodies_are_sent_and_empty_answers_accepted() {
    let server = Server::saying("HTTP/1.1 204 No Content\r\n\r\n");
    for answer in both(&server.socket, SOON, &Logout(LogoutQuery::default())) {
        answer.unwrap();
        server.requests.recv().unwrap();
    }
    let code = Login(LoginCode {
        code: Secret::new("é\"x"),
        accept_registry: None,
        page_registry: None,
    });
    for answer in both(&server.socket, SOON, &code) {
        assert!(matches!(answer, Err(Error::InvalidAnswer(_))));
        let request = server.requests.recv().unwrap();
        assert!(request.ends_with("   {\"code\":\"é\\\"x\"}"), "{request}");
    }
}

#[test]
fn the_catalog_goes_into_the_query() {
    let server = Server::json("{}");
    let client = blocking::Client::new(&server.socket).with_catalog("https://x.example");
    let _ = client.send(&ReadHealth);
    let line = server.requests.recv().unwrap();
    assert!(line.starts_with("GET /v1/health?catalog=https%3A%2F%2Fx.example HTTP/1.1"));
}

#[test]
fn problems_become_typed_errors() {
    let body = r#"{"type":"t","title":"t","status":401,"detail":"d","code":"login_required"}"#;
    let length = body.len();
    let server = Server::saying(format!(
        "HTTP/1.1 401 No\r\nContent-Length: {length}\r\n\r\n{body}"
    ));
    for answer in both(&server.socket, SOON, &ReadToken) {
        let Err(Error::Problem(problem)) = answer else {
            panic!("{answer:?}");
        };
        assert_eq!(problem.code, ErrorCode::LoginRequired);
    }
}

#[test]
fn an_absent_daemon_is_told_from_one_that_hangs_up() {
    let dir = tempfile::tempdir().unwrap();
    let dead = dir.path().join("dead");
    drop(UnixListener::bind(&dead).unwrap());
    for socket in [dir.path().join("none"), dead] {
        for answer in both(&socket, SOON, &ReadHealth) {
            assert!(answer.unwrap_err().is_absent());
        }
    }
    for answer in both(&Server::saying("").socket, SOON, &ReadHealth) {
        let error = answer.unwrap_err();
        assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
        assert!(!error.is_absent() && error.is_hang_up(), "{error:?}");
    }
    // Dropped with the request unread, which resets the connection.
    let socket = dir.path().join("reset");
    let listener = UnixListener::bind(&socket).unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            stream.unwrap().read_exact(&mut [0]).unwrap();
        }
    });
    for answer in both(&socket, SOON, &ReadHealth) {
        let error = answer.unwrap_err();
        assert!(error.is_hang_up(), "{error:?}");
    }
}

#[test]
fn garbage_is_refused_whole() {
    let ok = "HTTP/1.1 200 OK\r\n";
    for text in [
        "SSH-2.0-OpenSSH_9.9\r\n".to_owned(),
        "\0\u{1}\u{2}".repeat(1000),
        format!("{ok}x: {}\r\n\r\n", "a".repeat(1 << 20)),
        format!("{ok}transfer-encoding: chunked\r\n\r\nffffffffffffffff1\r\n"),
        format!("{ok}content-length: 3\r\n\r\n<h>"),
        format!("{ok}content-length: 99999999999\r\n\r\n{{"),
        "HTTP/1.1 302 Found\r\nlocation: /\r\ncontent-length: 0\r\n\r\n".to_owned(),
        "HTTP/1.1 500 Oh\r\ncontent-length: 5\r\n\r\n<h1/>".to_owned(),
    ] {
        for answer in both(&Server::saying(text.clone()).socket, SOON, &ReadHealth) {
            let error = answer.unwrap_err();
            let start: String = text.chars().take(60).collect();
            assert!(
                matches!(error, Error::InvalidAnswer(_) | Error::Unreachable { .. }),
                "{start:?}: {error:?}"
            );
        }
    }
}

#[test]
fn a_body_without_end_is_given_up() {
    let endless = Server::start(|mut stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        while stream.write_all(&[b' '; 4096]).is_ok() {}
    });
    for answer in both(&endless.socket, SOON, &ReadHealth) {
        assert!(matches!(answer, Err(Error::InvalidAnswer(_))), "{answer:?}");
    }
}

#[test]
fn a_slow_server_cannot_outlast_the_deadline() {
    // A byte now and then keeps every single read alive, but not the call.
    let drip = Server::start(|mut stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nx: ");
        while stream.write_all(b"a").is_ok() {
            thread::sleep(Duration::from_millis(20));
        }
    });
    let start = Instant::now();
    for answer in both(&drip.socket, Duration::from_millis(200), &ReadHealth) {
        assert!(matches!(answer, Err(Error::Timeout(_))), "{answer:?}");
    }
    assert!(start.elapsed() < Duration::from_secs(30));
}

#[test]
fn a_full_backlog_cannot_outlast_the_deadline() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("s");
    let listener = rustix::net::socket(
        rustix::net::AddressFamily::UNIX,
        rustix::net::SocketType::STREAM,
        None,
    )
    .unwrap();
    let address = rustix::net::SocketAddrUnix::new(&socket).unwrap();
    rustix::net::bind(&listener, &address).unwrap();
    rustix::net::listen(&listener, 0).unwrap();
    let _waiting: Vec<_> = (0..1).map(|_| UnixStream::connect(&socket)).collect();
    for answer in both(&socket, Duration::from_millis(200), &ReadHealth) {
        assert!(
            matches!(answer, Err(Error::Timeout(_) | Error::Unreachable { .. })),
            "{answer:?}"
        );
    }
}

#[test]
fn events_arrive_as_they_happen() {
    let server = Server::start(|mut stream| {
        let _ = stream.write_all(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\
              transfer-encoding: chunked\r\n\r\n\
              15\r\nevent: session\ndata: \r\n4\r\n{}\n\n\r\n0\r\n\r\n",
        );
    });
    let mut events = blocking::Client::new(&server.socket).events().unwrap();
    let event = events.next().unwrap().unwrap();
    assert_eq!(
        (event.name.as_str(), event.data.as_str()),
        ("session", "{}")
    );
    assert!(events.next().is_none());
}

#[test]
fn a_directory_others_may_write_to_is_not_trusted() {
    use std::os::unix::fs::PermissionsExt;

    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("s");
    let listener = UnixListener::bind(&socket).unwrap();
    listener.set_nonblocking(true).unwrap();
    let loose = std::fs::Permissions::from_mode(0o777);
    std::fs::set_permissions(dir.path(), loose).unwrap();
    let [_, answer] = both(&socket, Duration::from_millis(200), &ReadHealth);
    let error = answer.unwrap_err();
    assert!(error.to_string().contains("open to other users"), "{error}");
    assert!(!error.is_absent());
}

// Other systems change the user of whole processes alone.
#[cfg(target_os = "linux")]
#[test]
fn a_socket_of_another_user_is_sent_nothing() {
    use rustix::net::{AddressFamily, SocketAddrUnix, SocketType, bind, listen, socket};
    use rustix::thread::set_thread_res_uid;

    const NOBODY: u32 = 65534;
    if !rustix::process::geteuid().is_root() {
        // Past the capture of the test runner.
        let what = b"NOT RUN: a socket of another user: only root can be two users\n";
        drop(std::io::stderr().write_all(what));
        return;
    }
    let dir = tempfile::tempdir().unwrap();

    // The file is ours, whoever listens is not.
    let taken = dir.path().join("taken");
    let listener = socket(AddressFamily::UNIX, SocketType::STREAM, None).unwrap();
    bind(&listener, &SocketAddrUnix::new(&taken).unwrap()).unwrap();
    let listener = thread::spawn(move || {
        let nobody = rustix::process::Uid::from_raw(NOBODY);
        set_thread_res_uid(nobody, nobody, nobody).unwrap();
        listen(&listener, 8).unwrap();
        listener
    });
    let listener = UnixListener::from(listener.join().unwrap());

    // Whoever listens is us, the file is not.
    let planted = dir.path().join("planted");
    let other = UnixListener::bind(&planted).unwrap();
    std::os::unix::fs::chown(&planted, Some(NOBODY), None).unwrap();

    let [one, two] = both(&taken, SOON, &ReadHealth);
    for answer in [one, two] {
        let refused = matches!(answer, Err(Error::ForeignSocket { uid: NOBODY, .. }));
        assert!(refused, "{answer:?}");
    }
    let [_, answer] = both(&planted, Duration::from_millis(200), &ReadHealth);
    let refused = matches!(answer, Err(Error::ForeignSocket { uid: NOBODY, .. }));
    assert!(refused, "{answer:?}");

    listener.set_nonblocking(true).unwrap();
    while let Ok((mut stream, _)) = listener.accept() {
        let mut sent = Vec::new();
        stream.set_nonblocking(false).unwrap();
        stream.read_to_end(&mut sent).unwrap();
        assert!(sent.is_empty(), "something was sent to another user");
    }
    drop(other);
}
