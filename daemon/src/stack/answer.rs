//! What a stack answered, and what it said.

use http::StatusCode;
use quilt_network::{Failure, Origin};
use quilt_proto::aws::NotAws;
use quilt_proto::{Quoted, Reason, Secret, Timestamp};
use serde::de::{DeserializeOwned, IgnoredAny};
use zeroize::Zeroizing;

use super::StackError;

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
        serde_json::from_slice(&self.body).map_err(|error| {
            // The category only: serde's text may quote the body.
            self.invalid(if self.is_json_of_another_shape(&error) {
                "a field is missing or of the wrong type"
            } else {
                "it is not JSON"
            })
        })
    }

    /// Whether what could not be read is JSON all the same: serde stops at the
    /// first value of the wrong type, whatever stands behind it.
    fn is_json_of_another_shape(&self, error: &serde_json::Error) -> bool {
        error.is_data() && serde_json::from_slice::<IgnoredAny>(&self.body).is_ok()
    }

    /// JSON that is to hold AWS credentials: what is JSON and holds none is
    /// told apart from what is no JSON.
    pub(super) fn json_of_aws<T: DeserializeOwned>(&self) -> Result<Result<T, NotAws>, StackError> {
        match serde_json::from_slice(&self.body) {
            Ok(value) => Ok(Ok(value)),
            Err(error) if self.is_json_of_another_shape(&error) => Ok(Err(NotAws::Shape)),
            Err(_) => Err(self.invalid("it is not JSON")),
        }
    }

    pub(super) fn invalid(&self, reason: &str) -> StackError {
        StackError::Invalid {
            host: self.host.clone(),
            reason: reason.to_owned(),
        }
    }

    pub(super) fn failed(&self, status: StatusCode) -> StackError {
        let status = status.to_string();
        self.unreachable(match self.retry_after {
            Some(seconds) => Failure::Busy { status, seconds },
            None => Failure::Status(status),
        })
    }

    pub(super) fn unreachable(&self, failure: Failure) -> StackError {
        StackError::Unreachable {
            host: self.origin.clone(),
            failure,
        }
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
        serde_json::from_slice::<Said>(&self.body)
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
