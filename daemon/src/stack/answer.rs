//! What a stack answered, and what it said.

use http::StatusCode;
use quilt_network::{Failure, Origin};
use quilt_proto::aws::NotAws;
use quilt_proto::{Quoted, Reason, Secret, Timestamp};
use serde::de::{DeserializeOwned, IgnoredAny};
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use super::StackError;
use crate::json_document::{self, Unreadable};

/// The largest that is read where it came, in bytes.
const SMALL: usize = 64 * 1024;

/// How many larger ones are read at once: each may take tens of megabytes.
static LARGE: Semaphore = Semaphore::const_new(2);

/// An answer, read to its end.
pub(super) struct Answer {
    pub(super) host: String,
    pub(super) origin: Origin,
    /// It is a web page, which a stack's answers are not.
    pub(super) is_page: bool,
    /// The host it leads to, where it is a redirect.
    pub(super) leads_to: Option<String>,
    /// For how many seconds not to ask again.
    pub(super) retry_after: Option<u32>,
    /// When it was given, by the clock of whoever gave it.
    pub(super) date: Option<Timestamp>,
    pub(super) body: Zeroizing<Vec<u8>>,
}

impl Answer {
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, StackError> {
        json_document::parse(&self.body).map_err(|why| self.unreadable(why))
    }

    /// The same for what may be large: apart from the threads that serve others,
    /// and few at a time.
    pub(super) async fn large_json<T>(&mut self) -> Result<T, StackError>
    where
        T: DeserializeOwned + Send + 'static,
    {
        if self.body.len() <= SMALL {
            return self.json();
        }
        let body = std::mem::take(&mut self.body);
        let turn = LARGE.acquire().await;
        let read = tokio::task::spawn_blocking(move || {
            // Kept to the end of the reading, which goes on though nobody waits.
            let _turn = turn;
            json_document::parse(&body)
        });
        let read = read.await.unwrap_or(Err(Unreadable::Syntax));
        read.map_err(|why| self.unreadable(why))
    }

    /// JSON that is to hold AWS credentials: what is JSON and holds none is
    /// told apart from what is no JSON.
    pub(super) fn json_of_aws<T: DeserializeOwned>(&self) -> Result<Result<T, NotAws>, StackError> {
        match json_document::parse(&self.body) {
            Ok(value) => Ok(Ok(value)),
            Err(Unreadable::Shape) => Ok(Err(NotAws::Shape)),
            Err(why) => Err(self.unreadable(why)),
        }
    }

    /// In a word, since serde's may quote the body.
    fn unreadable(&self, why: Unreadable) -> StackError {
        self.invalid(match why {
            Unreadable::TooLarge => "it is too large",
            Unreadable::Shape => "a field is missing or of the wrong type",
            Unreadable::Syntax => "it is not JSON",
        })
    }

    pub(super) fn invalid(&self, reason: &str) -> StackError {
        StackError::invalid(&self.host, reason)
    }

    pub(super) fn failed(&self, status: StatusCode) -> StackError {
        let status = status.to_string();
        self.unreachable(match self.retry_after {
            Some(seconds) => Failure::Busy { status, seconds },
            None => Failure::Status(status),
        })
    }

    pub(super) fn unreachable(&self, failure: Failure) -> StackError {
        StackError::unreachable(self.origin.clone(), failure)
    }

    /// What the stack said, without our secrets; else the status.
    pub(super) fn message(&self, status: StatusCode, secrets: &[&Secret]) -> Reason {
        #[derive(serde::Deserialize)]
        struct Said {
            #[serde(alias = "error_description", alias = "detail")]
            message: Option<String>,
            error: Option<Fault>,
        }
        #[derive(serde::Deserialize)]
        #[serde(untagged)]
        enum Fault {
            Text(String),
            /// As Elasticsearch says it.
            Reason {
                reason: String,
            },
            Other(IgnoredAny),
        }
        let text = |fault| match fault {
            Fault::Text(text) | Fault::Reason { reason: text } => Some(text),
            Fault::Other(_) => None,
        };
        json_document::parse::<Said>(&self.body)
            .ok()
            .and_then(|said| said.message.or_else(|| said.error.and_then(text)))
            .and_then(|text| Quoted::without_tokens(&text, secrets))
            .map_or_else(|| spoken(status), Reason::Theirs)
    }
}

/// A status that was all somebody said.
pub(super) fn spoken(status: StatusCode) -> Reason {
    Reason::Status(
        status.as_u16(),
        status.canonical_reason().unwrap_or_default(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_begins_like_json_is_none() {
        let says = |body: &str| {
            let answer = Answer {
                host: "h".to_owned(),
                origin: Origin::of(&url::Url::parse("https://h").unwrap()),
                is_page: false,
                leads_to: None,
                retry_after: None,
                date: None,
                body: Zeroizing::new(body.into()),
            };
            let aws = answer.json_of_aws::<Vec<String>>().is_ok();
            (answer.json::<Vec<String>>().unwrap_err().to_string(), aws)
        };
        for body in ["7 of noise", "[1]]", "\"text\" and more", "noise", "["] {
            let (said, aws) = says(body);
            assert!(said.contains("it is not JSON") && !aws, "{said} of {body}");
        }
        for body in ["7", "[1]", "{}", "\"text\"", " null "] {
            let (said, aws) = says(body);
            assert!(
                said.contains("a field is missing") && aws,
                "{said} of {body}"
            );
        }
    }
}
