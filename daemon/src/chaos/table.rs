//! Every endpoint, every answer, for a second, a minute and an hour.

use std::fmt::Write;
use std::sync::Arc;

use quilt_proto::wire::SessionState;

use super::stack::{Answer, Endpoint};
use super::world::{Login, World, stack};
use crate::stack::StackClient;

const REFUSED: &str = r#"{"message": "Invalid refresh token"}"#;
const INVALID_GRANT: &str = r#"{"error": "invalid_grant"}"#;
const ERROR: &str = r#"{"error": "Token could not be deserialized"}"#;
const NOBODY: &str = r#"{"data": {"me": null}}"#;

const ANSWERS: &[(&str, Answer)] = &[
    ("400 JSON", Answer::Json(400, REFUSED)),
    ("401 JSON", Answer::Json(401, REFUSED)),
    ("400 invalid_grant", Answer::Json(400, INVALID_GRANT)),
    ("401 invalid_grant", Answer::Json(401, INVALID_GRANT)),
    ("403 JSON", Answer::Json(403, REFUSED)),
    ("404 JSON", Answer::Json(404, "{}")),
    ("429 JSON", Answer::Json(429, "{}")),
    ("500 JSON", Answer::Json(500, "{}")),
    ("200 JSON me: null", Answer::Json(200, NOBODY)),
    ("200 JSON error", Answer::Json(200, ERROR)),
    ("200 JSON odd", Answer::Json(200, "[]")),
    ("200 HTML", Answer::Page(200)),
    ("302", Answer::Redirect),
    ("400 HTML", Answer::Page(400)),
    ("401 HTML", Answer::Page(401)),
    ("403 HTML", Answer::Page(403)),
    ("404 HTML", Answer::Page(404)),
    ("407 HTML", Answer::Page(407)),
    ("503 HTML", Answer::Page(503)),
    ("broken off", Answer::Reset),
];

/// The dependencies of a deployment that may be in trouble.
const PLACES: &[(Login, Endpoint)] = &[
    (Login::Code, Endpoint::Config),
    (Login::Key, Endpoint::Config),
    (Login::Code, Endpoint::Token),
    (Login::OAuth, Endpoint::ConnectToken),
    (Login::Code, Endpoint::GetCredentials),
    (Login::Code, Endpoint::Graphql),
    (Login::Key, Endpoint::GetCredentials),
    (Login::Key, Endpoint::Graphql),
];

/// How long the trouble lasts, and how often somebody asks meanwhile, in
/// seconds.
const DURATIONS: &[(&str, u64, u64)] = &[("1 s", 1, 1), ("1 min", 60, 5), ("1 h", 3600, 30)];

/// How long recovery is waited for, in seconds.
const GIVE_UP: u64 = 600;

struct Outcome {
    shown: SessionState,
    requests: usize,
    recovers: Option<u64>,
}

impl World {
    /// Asks once, in a task that need not end now; answers whether all is well
    /// where it has.
    async fn ask(&self, at: Endpoint) -> bool {
        let (me, credentials) = (self.me(), self.credentials());
        let asked = tokio::spawn(async move {
            if at == Endpoint::Graphql {
                me.await.is_ok()
            } else {
                credentials.await.is_ok()
            }
        });
        self.settle().await;
        asked.is_finished() && asked.await.unwrap()
    }
}

async fn try_out(
    upstream: &Arc<StackClient>,
    (login, at): (Login, Endpoint),
    answer: Answer,
    (lasts, every): (u64, u64),
) -> Outcome {
    let world = World::over(login, upstream).await;
    let is_token = matches!(at, Endpoint::Token | Endpoint::ConnectToken);
    {
        let mut inner = world.fake.lock();
        inner.trouble.push((at, answer));
        if is_token {
            // Whoever asks has to go to the token endpoint.
            inner.outdate();
        }
        inner.calls.clear();
    }
    for _ in 0..lasts / every {
        world.ask(at).await;
        world.pass(every.min(2)).await;
        world.leap(every - every.min(2)).await;
    }
    let shown = world.session.status().state;
    let requests = world.fake.calls(at);
    world.fake.lock().trouble.clear();
    let (mut recovers, mut waited) = (None, 0);
    while waited < GIVE_UP {
        if world.ask(at).await && world.session.status().last_error.is_none() {
            recovers = Some(waited);
            break;
        }
        let step = if waited < 60 { 1 } else { 10 };
        world.leap(step).await;
        waited += step;
    }
    Outcome {
        shown,
        requests,
        recovers,
    }
}

/// A number of requests; of many, how many they are at most: one more or less
/// is a question of what comes first within a second.
fn about(requests: usize) -> String {
    if requests <= 8 {
        requests.to_string()
    } else {
        format!("at most {}", requests.next_power_of_two())
    }
}

#[tokio::test]
async fn trouble_passes_and_costs_little() {
    let upstream = stack();
    let mut table = String::new();
    for (login, at) in PLACES {
        writeln!(table, "\n{at:?}, logged in by {login:?}").unwrap();
        for (name, answer) in ANSWERS {
            write!(table, "  {name:<18}").unwrap();
            for (lasts, seconds, every) in DURATIONS {
                let outcome = try_out(&upstream, (*login, *at), *answer, (*seconds, *every)).await;
                let recovers = outcome.recovers.map_or_else(
                    || format!("over {GIVE_UP} s"),
                    |seconds| format!("{seconds} s"),
                );
                let shown = format!("{:?}", outcome.shown);
                let asked = about(outcome.requests);
                let cell = format!("{shown}, {asked} asked, back in {recovers}");
                write!(table, " | {lasts}: {cell:<38}").unwrap();
            }
            writeln!(table).unwrap();
        }
    }
    println!("{table}");
    let expected = include_str!("table.txt");
    if table != expected {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/chaos/table.txt");
        if std::env::var_os("QUILT_BLESS").is_some() {
            std::fs::write(path, &table).unwrap();
            return;
        }
        panic!("the table differs from src/chaos/table.txt; QUILT_BLESS=1 writes it anew");
    }
}
