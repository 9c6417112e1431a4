//! What is refused without a look at its token: told in the loopback
//! contract's form, and not for ever.

use std::time::Instant;

use quilt_proto::wire::Grant;
use quilt_tests::harness::World;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{ask, grant, place};

/// How requests are refused, and with which status.
const UNREAD: &[(u16, &str)] = &[
    (400, "no HTTP at all\r\n\r\n"),
    (400, "GET /\x00 HTTP/1.1\r\n\r\n"),
    (431, "GET / HTTP/1.1\r\n{headers}\r\n"),
    (
        413,
        "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1025\r\n\r\n",
    ),
];

/// Status and body of the answer to these bytes.
async fn send(grant: &Grant, request: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(place(grant).0).await.unwrap();
    let request = request.replace("{headers}", &"x: y\r\n".repeat(65));
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, body.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_unread_is_told_in_both_spellings() {
    let world = World::logged_in().await;
    let grant = grant(&world, 60).await;
    for (expected, request) in UNREAD {
        let (status, body) = send(&grant, request).await;
        assert_eq!(status, *expected, "{request:?}");
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(body["code"], "invalid_input");
        assert_eq!(body["Code"], body["code"]);
        assert!(body["message"] == body["Message"] && body["message"].is_string());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_rate_limited_however_made_and_the_holder_is_not() {
    let guess = "GET / HTTP/1.1\r\nHost: {host}\r\nAuthorization: guess\r\n                 Connection: close\r\n\r\n";
    let requests = UNREAD.iter().map(|(_, request)| *request);
    for request in requests.chain([guess]) {
        let world = World::logged_in().await;
        let grant = grant(&world, 60).await;
        let request = request.replace("{host}", &place(&grant).0);
        let begun = Instant::now();
        let mut limited = 0;
        for _ in 0..100 {
            let (status, _) = send(&grant, &request).await;
            limited += usize::from(status == 429);
            assert_eq!(ask(&grant).await.0, 200);
        }
        // A burst of 20 and two a second are told; the slower the machine, the
        // more of these.
        let told = 22 + usize::try_from(begun.elapsed().as_secs()).unwrap() * 2;
        assert!(limited + told >= 100, "{limited} of {request:?}");
        let lines = world.log().matches("refused a request on loopback").count();
        assert!(lines <= told, "{lines} lines in the log");
    }
}
