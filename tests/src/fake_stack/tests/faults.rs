//! Every misbehaviour, seen from outside.

use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::Value;

use super::{Session, Tokens, start};
use crate::fake_stack::{Endpoint, Fault, FaultKind, Host};

fn plant(session: &Session, kind: FaultKind) {
    session
        .stack
        .control()
        .plant(Endpoint::Token, Fault::once(kind));
}

#[tokio::test]
async fn a_status_is_answered_as_often_as_told() {
    let session = start().await;
    let fault = Fault::times(FaultKind::status(503), 2);
    session.stack.control().plant(Endpoint::Token, fault);
    let code = session.code("alice");
    for _ in 0..2 {
        let response = session.exchange(&code).await.unwrap();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    }
    Tokens::of(session.exchange(&code).await.unwrap()).await;
}

#[tokio::test]
async fn a_reset_has_no_effect_and_a_lost_answer_has() {
    let session = start().await;
    let code = session.code("alice");
    plant(&session, FaultKind::Reset);
    assert!(session.exchange(&code).await.is_err());
    assert_eq!(session.stack.control().live_sessions(), 1);
    plant(&session, FaultKind::LostAnswer);
    assert!(session.exchange(&code).await.is_err());
    let reused = session.exchange(&code).await.unwrap();
    assert_eq!(reused.status(), StatusCode::UNAUTHORIZED, "it was rotated");
}

#[tokio::test]
async fn bodies_are_spoilt_in_every_way() {
    let session = start().await;
    plant(&session, FaultKind::Garbage);
    let response = session.exchange("x").await.unwrap();
    assert!(response.json::<Value>().await.is_err());
    plant(&session, FaultKind::Html);
    let response = session.exchange("x").await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/html");
    plant(&session, FaultKind::Truncated);
    let response = session.exchange("x").await.unwrap();
    assert!(response.bytes().await.is_err());
    plant(&session, FaultKind::Huge { bytes: 100_000 });
    let response = session.exchange("x").await.unwrap();
    assert_eq!(response.bytes().await.unwrap().len(), 100_000);
}

#[tokio::test]
async fn a_slow_answer_arrives_whole() {
    let session = start().await;
    plant(&session, FaultKind::SlowDrip { ms: 1 });
    let before = Instant::now();
    let response = session.exchange("x").await.unwrap();
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["message"], "Invalid refresh token");
    assert!(before.elapsed() >= Duration::from_millis(20));
}

#[tokio::test]
async fn held_calls_are_answered_when_released() {
    let session = start().await;
    let control = session.stack.control();
    let hold = control.plant(Endpoint::Token, Fault::always(FaultKind::Hold));
    let code = session.code("alice");
    let release = async {
        control
            .wait_for_counts(|counts| {
                let token = counts.endpoints.get(&Endpoint::Token);
                token.is_some_and(|count| count.in_flight == 1)
            })
            .await;
        assert!(control.clear_fault(hold));
    };
    let (answer, ()) = tokio::join!(session.exchange(&code), release);
    Tokens::of(answer.unwrap()).await;
}

#[tokio::test]
async fn a_hanging_call_ends_with_its_fault() {
    let session = start().await;
    let control = session.stack.control();
    control.plant(Endpoint::Token, Fault::always(FaultKind::Hang));
    let clear = async {
        control
            .wait_for_counts(|counts| counts.calls(Endpoint::Token) == 1)
            .await;
        control.clear_faults();
    };
    let (answer, ()) = tokio::join!(session.exchange("x"), clear);
    assert!(answer.is_err());
}

#[tokio::test]
async fn a_client_that_hangs_up_is_no_longer_in_flight() {
    let session = start().await;
    let control = session.stack.control();
    control.plant(Endpoint::Token, Fault::always(FaultKind::Hang));
    let arrived = control.wait_for_counts(|counts| counts.calls(Endpoint::Token) == 1);
    tokio::select! {
        answer = session.exchange("x") => panic!("answered: {answer:?}"),
        () = arrived => {}
    }
    control
        .wait_for_counts(|counts| counts.endpoints[&Endpoint::Token].in_flight == 0)
        .await;
}

#[tokio::test]
async fn a_host_can_refuse_and_return() {
    let session = start().await;
    let control = session.stack.control();
    let code = session.code("alice");
    control.refuse(Host::Registry, true);
    // The listener is closed by its own task: the refusal is near, not instant.
    while session.exchange("x").await.is_ok() {}
    let error = session.exchange("x").await.unwrap_err();
    assert!(error.is_connect(), "{error:?}");
    let url = format!("{}/config.json", session.stack.catalog_url());
    assert!(
        session.client.get(url).send().await.is_ok(),
        "others answer"
    );
    control.refuse(Host::Registry, false);
    let response = loop {
        if let Ok(response) = session.exchange(&code).await {
            break response;
        }
    };
    Tokens::of(response).await;
}

#[tokio::test]
async fn shutdown_ends_even_hanging_calls() {
    let session = start().await;
    let Session { stack, client } = session;
    stack
        .control()
        .plant(Endpoint::Config, Fault::always(FaultKind::Hang));
    let url = format!("{}/config.json", stack.catalog_url());
    let call = tokio::spawn(client.get(url).send());
    stack
        .control()
        .wait_for_counts(|counts| counts.calls(Endpoint::Config) == 1)
        .await;
    stack.shutdown().await;
    assert!(call.await.unwrap().is_err());
}
