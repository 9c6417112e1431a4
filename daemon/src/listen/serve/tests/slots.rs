//! Whose connection stays where slots are short.

use super::*;
use crate::listen::WaitingLimit;

#[tokio::test(start_paused = true)]
async fn whoever_is_answered_stays_and_one_that_asks_more_is_told_to_come_again() {
    let bench = Bench::new(Limits {
        connections: 2,
        waiting: WaitingLimit::Own(3),
        ..Limits::default()
    });
    let mut first = bench.connect().await;
    first
        .write_all(get_request("/stream").as_bytes())
        .await
        .unwrap();
    let mut second = bench.connect().await;
    second.write_all(get_request("/").as_bytes()).await.unwrap();
    // Half of all slots are answering this caller: the other half is not for
    // its next request, nor for one after that.
    let waiting = tokio::time::timeout(Duration::from_secs(1), second.read_u8()).await;
    assert!(waiting.is_err(), "served beyond its share");
    let mut third = bench.connect().await;
    third.write_all(get_request("/").as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1)).await;
    let start = Instant::now();
    // Many wait.
    let mut fourth = bench.connect().await;
    let mut fifth = bench.connect().await;
    for more in [&mut fourth, &mut fifth] {
        more.write_all(get_request("/").as_bytes()).await.unwrap();
    }
    let answer = rest(&mut third).await;
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(answer.contains("\r\nretry-after: 1\r\n"), "{answer}");
    assert!(answer.contains(r#""code":"busy""#), "{answer}");
    assert!(start.elapsed() < Duration::from_secs(1));
    let mut head = [0; 12];
    first.read_exact(&mut head).await.unwrap();
    assert_eq!(&head, b"HTTP/1.1 200", "whoever was answered still is");
    drop(first);
    for waited in [&mut second, &mut fourth, &mut fifth] {
        let answer = rest(waited).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_oldest_that_asks_nothing_is_evicted_at_once() {
    let bench = Bench::new(Limits {
        connections: 2,
        ..Limits::default()
    });
    let start = Instant::now();
    for begun in ["", "GET / HT", "GET / HTTP/1.1\r\nhost: localhost\r\n"] {
        let mut oldest = bench.connect().await;
        oldest.write_all(begun.as_bytes()).await.unwrap();
        let mut idle = ask_and_stay(&bench, "/").await;
        let answer = bench.ask(&get_request("/")).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert_eq!(rest(&mut oldest).await, "");
        let _third = bench.connect().await;
        let answer = bench.ask(&get_request("/")).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert_eq!(rest(&mut idle).await, "", "idle between requests");
    }
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn whoever_does_not_read_its_answers_or_send_its_body_is_cut_off() {
    let unread = "GET /large HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(4);
    let body = "POST /size HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\n1234";
    for request in [&unread, body] {
        let bench = Bench::new(Limits {
            connections: 1,
            ..Limits::default()
        });
        let mut slow = bench.connect().await;
        slow.write_all(request.as_bytes()).await.unwrap();
        tokio::time::sleep(Duration::from_millis(1)).await;
        let start = Instant::now();
        let answer = bench.ask(&get_request("/")).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!((250..1000).contains(&start.elapsed().as_millis()));
        assert!(!rest(&mut slow).await.ends_with("tester"));
    }
}

#[tokio::test(start_paused = true)]
async fn answers_that_are_not_read_are_not_heaped_up() {
    let bench = Bench::new(Limits::default());
    let mut slow = bench.connect().await;
    let unread = "GET /counted HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(100);
    slow.write_all(unread.as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let made = MADE.load(Ordering::Relaxed);
    assert!((1..8).contains(&made), "{made}");
    // Who reads gets them all.
    let mut read = vec![0; 1 << 20];
    while MADE.load(Ordering::Relaxed) < 100 {
        assert_ne!(slow.read(&mut read).await.unwrap(), 0);
    }
}

#[tokio::test]
async fn who_asks_much_at_once_takes_turns_with_others() {
    let bench = Bench::new(Limits::default());
    let mut many = bench.connect().await;
    let request = |who: &str| format!("GET /noted/{who} HTTP/1.1\r\nhost: localhost\r\n\r\n");
    many.write_all(request("many").repeat(16).as_bytes())
        .await
        .unwrap();
    let mut one = bench.connect().await;
    one.write_all(request("one").as_bytes()).await.unwrap();
    assert_ne!(one.read(&mut [0; 1024]).await.unwrap(), 0);
    let answered = ANSWERED.lock().clone();
    let before = answered.iter().position(|who| who == "one").unwrap();
    assert!(before <= 4, "{answered:?}");
}

#[tokio::test(start_paused = true)]
async fn streams_have_a_quota_of_their_own() {
    let bench = Bench::new(Limits {
        connections: 64,
        ..Limits::default()
    });
    // Two of eight are for one caller.
    let mut streams = Vec::new();
    for _ in 0..2 {
        streams.push(ask_and_stay(&bench, "/events").await);
    }
    let answer = bench.ask(&get_request("/events")).await;
    assert!(answer.ends_with("Err(Caller)"), "{answer}");
    drop(streams);
    tokio::task::yield_now().await;
    let answer = bench.ask(&get_request("/")).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    ask_and_stay(&bench, "/events").await;
}

#[tokio::test(start_paused = true)]
async fn the_oldest_stranger_is_evicted() {
    let bench = Bench::new(Limits {
        connections: 3,
        ..Limits::default()
    });
    let start = Instant::now();
    let mut known = ask_and_stay(&bench, "/authenticated").await;
    let mut served = ask_and_stay(&bench, "/").await;
    let mut silent = bench.connect().await;
    let mut friends = Vec::new();
    for stranger in [&mut served, &mut silent] {
        let answer = bench.ask(&get_request("/")).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert_eq!(rest(stranger).await, "");
        // In its place, so that there is no room again.
        friends.push(ask_and_stay(&bench, "/authenticated").await);
    }
    known.write_all(get_request("/").as_bytes()).await.unwrap();
    let answer = rest(&mut known).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(
        start.elapsed(),
        Duration::ZERO,
        "nobody waited for a timeout"
    );
}

#[tokio::test(start_paused = true)]
async fn what_was_received_is_answered_though_its_connection_was_to_go() {
    let bench = Bench::new(Limits {
        connections: 2,
        ..Limits::default()
    });
    let mut pipelined = bench.connect().await;
    let requests = "GET / HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(200);
    pipelined.write_all(requests.as_bytes()).await.unwrap();
    // Newcomers by the dozen, which need its slot between any two requests.
    let mut newcomers = Vec::new();
    let mut answers = Vec::new();
    let mut chunk = [0; 512];
    while !answers.ends_with(b"tester") || newcomers.len() < 50 {
        newcomers.push(bench.connect().await);
        let read = tokio::time::timeout(Duration::from_secs(1), pipelined.read(&mut chunk)).await;
        match read {
            Ok(Ok(length)) if length > 0 => answers.extend_from_slice(&chunk[..length]),
            _ => break,
        }
    }
    let answers = String::from_utf8(answers).unwrap();
    let answered = answers.matches("tester").count() + answers.matches("\"busy\"").count();
    assert_eq!(answers.matches("HTTP/1.1 ").count(), answered, "{answers}");
    assert!(answered > 0);
}
