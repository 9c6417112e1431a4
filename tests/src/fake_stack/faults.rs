//! Misbehaviour on demand.

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::endpoint::{Endpoint, EndpointSet};
use super::shared::Shared;

/// One way to misbehave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum FaultKind {
    /// An answer with this status code instead of the real one.
    Status {
        /// Status code.
        status: u16,
        /// Body; sent as JSON when it looks like JSON.
        #[serde(default)]
        body: String,
    },
    /// An answer with this status code that says when to come again.
    Busy {
        /// Status code.
        status: u16,
        /// The value of `Retry-After`.
        retry_after: String,
    },
    /// A delay, then the real answer.
    Latency {
        /// Milliseconds.
        ms: u64,
    },
    /// No answer until the fault is cleared, then the real one. Lets a test look at calls in
    /// flight without guessing at times.
    Hold,
    /// Never an answer; the connection is closed when the fault is cleared.
    Hang,
    /// The connection is reset instead of an answer; the call has no effect.
    Reset,
    /// The call takes effect, but the connection is reset instead of an answer.
    LostAnswer,
    /// Status 200, type JSON, and a body that is neither JSON nor text.
    Garbage,
    /// The real answer, cut off in the middle.
    Truncated,
    /// Status 200 and a body without an end in sight.
    Huge {
        /// Length in bytes.
        #[serde(default = "one_gibibyte")]
        bytes: u64,
    },
    /// The real answer, a byte at a time.
    SlowDrip {
        /// Milliseconds between bytes.
        #[serde(default = "one_second")]
        ms: u64,
    },
    /// Status 200 and a web page, as a captive portal or a login wall sends.
    Html,
    /// The real answer, with other words beside its status code.
    ReasonPhrase {
        /// The words.
        reason: String,
    },
    /// The real answer, with more headers.
    Headers {
        /// Names and values.
        headers: Vec<(String, String)>,
    },
}

impl FaultKind {
    /// An answer with this status code and an empty JSON body.
    pub fn status(status: u16) -> Self {
        Self::Status {
            status,
            body: "{}".to_owned(),
        }
    }
}

fn one_gibibyte() -> u64 {
    1 << 30
}

fn one_second() -> u64 {
    1000
}

/// A misbehaviour and when it strikes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// What happens.
    #[serde(flatten)]
    pub kind: FaultKind,
    /// How many calls it hits; without a number, every call until it is cleared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
    /// How many calls it lets through first.
    #[serde(default)]
    pub skip: u32,
}

impl Fault {
    /// Strikes every call until it is cleared.
    pub fn always(kind: FaultKind) -> Self {
        Self {
            kind,
            times: None,
            skip: 0,
        }
    }

    /// Strikes the next `times` calls.
    pub fn times(kind: FaultKind, times: u32) -> Self {
        Self {
            kind,
            times: Some(times),
            skip: 0,
        }
    }

    /// Strikes the next call.
    pub fn once(kind: FaultKind) -> Self {
        Self::times(kind, 1)
    }

    /// Lets `calls` calls through first.
    #[must_use]
    pub fn after(mut self, calls: u32) -> Self {
        self.skip = calls;
        self
    }
}

/// A planted fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planted {
    /// Its number, to clear it by.
    pub id: u64,
    /// The endpoints it strikes.
    pub endpoints: Vec<Endpoint>,
    /// What it does, with what is left of it.
    #[serde(flatten)]
    pub fault: Fault,
}

#[derive(Debug, Default)]
pub(crate) struct Faults {
    planted: Shared<Plants>,
}

#[derive(Debug, Default)]
struct Plants {
    last_id: u64,
    entries: Vec<(Planted, CancellationToken)>,
}

/// A fault that strikes a call.
#[derive(Debug)]
pub(crate) struct Strike {
    pub(crate) kind: FaultKind,
    /// Cancelled when the fault is cleared.
    pub(crate) cleared: CancellationToken,
}

impl Faults {
    /// Plants a fault and returns its number.
    pub(crate) fn plant(&self, endpoints: EndpointSet, fault: Fault) -> u64 {
        let mut planted = self.planted.lock();
        planted.last_id += 1;
        let id = planted.last_id;
        let entry = Planted {
            id,
            endpoints: endpoints.0,
            fault,
        };
        planted.entries.push((entry, CancellationToken::new()));
        id
    }

    /// The fault that strikes this call, if any: the first planted one with strikes left.
    pub(crate) fn strike(&self, endpoint: Endpoint) -> Option<Strike> {
        let mut planted = self.planted.lock();
        let mut strike = None;
        for (entry, cleared) in &mut planted.entries {
            if !entry.endpoints.contains(&endpoint) || entry.fault.times == Some(0) {
                continue;
            }
            if entry.fault.skip > 0 {
                entry.fault.skip -= 1;
                continue;
            }
            if let Some(times) = &mut entry.fault.times {
                *times -= 1;
            }
            strike = Some(Strike {
                kind: entry.fault.kind.clone(),
                cleared: cleared.clone(),
            });
            break;
        }
        // A spent fault is gone, except where calls still wait for it to be cleared.
        planted.entries.retain(|(entry, _)| {
            entry.fault.times != Some(0)
                || matches!(entry.fault.kind, FaultKind::Hold | FaultKind::Hang)
        });
        strike
    }

    pub(crate) fn list(&self) -> Vec<Planted> {
        self.planted
            .lock()
            .entries
            .iter()
            .map(|(planted, _)| planted.clone())
            .collect()
    }

    /// Clears one fault; false if there is none of that number.
    pub(crate) fn clear(&self, id: u64) -> bool {
        self.clear_where(|planted| planted.id == id)
    }

    pub(crate) fn clear_all(&self) {
        self.clear_where(|_| true);
    }

    fn clear_where(&self, which: impl Fn(&Planted) -> bool) -> bool {
        let mut planted = self.planted.lock();
        let before = planted.entries.len();
        planted.entries.retain(|(entry, cleared)| {
            let clear = which(entry);
            if clear {
                cleared.cancel();
            }
            !clear
        });
        planted.entries.len() < before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(faults: &Faults, calls: usize) -> Vec<Option<FaultKind>> {
        (0..calls)
            .map(|_| faults.strike(Endpoint::Token).map(|strike| strike.kind))
            .collect()
    }

    #[test]
    fn a_fault_strikes_as_often_as_told_after_the_calls_it_lets_through() {
        let faults = Faults::default();
        faults.plant(
            Endpoint::Token.into(),
            Fault::times(FaultKind::Html, 2).after(1),
        );
        let html = Some(FaultKind::Html);
        assert_eq!(kinds(&faults, 4), [None, html.clone(), html, None]);
        assert!(faults.list().is_empty());
    }

    #[test]
    fn other_endpoints_are_spared() {
        let faults = Faults::default();
        let id = faults.plant(Endpoint::Search.into(), Fault::always(FaultKind::Reset));
        assert_eq!(kinds(&faults, 1), [None]);
        assert!(faults.strike(Endpoint::Search).is_some());
        assert!(faults.clear(id));
        assert!(faults.strike(Endpoint::Search).is_none());
        assert!(!faults.clear(id));
    }

    #[test]
    fn held_calls_learn_that_the_fault_was_cleared() {
        let faults = Faults::default();
        faults.plant(Endpoint::Token.into(), Fault::once(FaultKind::Hold));
        let strike = faults.strike(Endpoint::Token).unwrap();
        assert!(faults.strike(Endpoint::Token).is_none(), "it strikes once");
        assert!(!strike.cleared.is_cancelled());
        faults.clear_all();
        assert!(strike.cleared.is_cancelled());
    }

    #[test]
    fn a_fault_reads_as_flat_json() {
        let fault: Fault =
            serde_json::from_str(r#"{"kind": "status", "status": 503, "times": 2}"#).unwrap();
        assert_eq!(fault.times, Some(2));
        assert_eq!(
            fault.kind,
            FaultKind::Status {
                status: 503,
                body: String::new()
            }
        );
    }
}
