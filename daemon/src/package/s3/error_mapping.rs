//! What S3's refusals mean.

use std::error::Error as StdError;

use http::StatusCode;
use object_store::Error;
use object_store::client::{HttpError, HttpErrorKind};
use quilt_network::{FailedRequest, Failure};

use quilt_proto::Reason;

use super::error_response::Refusal;
use super::http::Garbled;
use crate::credential::CredentialError;
use crate::package::StoreError;

/// What was asked, for messages.
#[derive(Debug, Clone, Copy)]
pub(super) struct Operation<'a> {
    pub(super) bucket: &'a str,
    pub(super) region: &'a str,
}

impl Operation<'_> {
    /// The failure in the registry's own terms.
    pub(super) fn failed(self, error: &Error) -> StoreError {
        if let Some(error) = cause::<CredentialError>(error) {
            return error.clone().into();
        }
        if let Some(lost) = cause::<FailedRequest>(error) {
            return StoreError::Unreachable {
                place: self.place(),
                origin: Some(lost.origin.clone()),
                failure: lost.failure.clone(),
            };
        }
        if let Some(refusal) = cause::<Refusal>(error) {
            return self.refused(refusal);
        }
        if let Some(error) = cause::<Garbled>(error) {
            return self.garbled(&error.to_string());
        }
        match cause::<HttpError>(error).map(HttpError::kind) {
            Some(HttpErrorKind::Timeout) => self.unreachable(Failure::Timeout),
            Some(_) => self.unreachable(Failure::BrokenAnswer),
            None => self.garbled("the answer is not S3's"),
        }
    }

    /// By S3's error code, else by the status.
    fn refused(self, refusal: &Refusal) -> StoreError {
        let bucket = self.bucket.to_owned();
        match refusal.code.as_str() {
            "NoSuchBucket" => return StoreError::NoSuchBucket(bucket),
            "ExpiredToken" | "InvalidToken" | "TokenRefreshRequired" | "InvalidAccessKeyId" => {
                let code = refusal.code.clone();
                return StoreError::Stale { bucket, code };
            }
            "AuthorizationHeaderMalformed" | "PermanentRedirect" | "TemporaryRedirect" => {
                return self.wrong_region(refusal);
            }
            _ => {}
        }
        match refusal.status {
            StatusCode::NOT_FOUND => StoreError::Missing(format!("such object in '{bucket}'")),
            status if status.is_redirection() => self.wrong_region(refusal),
            status @ (StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS) => {
                self.unreachable(Failure::Status(status.to_string()))
            }
            status if status.is_client_error() => StoreError::Refused {
                place: self.place(),
                reason: refusal.message.clone().map_or_else(
                    || {
                        Reason::Status(
                            status.as_u16(),
                            status.canonical_reason().unwrap_or_default(),
                        )
                    },
                    Reason::Theirs,
                ),
            },
            status => self.unreachable(Failure::Status(status.to_string())),
        }
    }

    fn place(self) -> String {
        format!("bucket '{}'", self.bucket)
    }

    fn unreachable(self, failure: Failure) -> StoreError {
        StoreError::Unreachable {
            place: self.place(),
            origin: None,
            failure,
        }
    }

    fn garbled(self, reason: &str) -> StoreError {
        StoreError::Garbled {
            place: self.place(),
            reason: reason.to_owned(),
        }
    }

    fn wrong_region(self, refusal: &Refusal) -> StoreError {
        StoreError::WrongRegion {
            bucket: self.bucket.to_owned(),
            asked: self.region.to_owned(),
            told: refusal.region.clone(),
        }
    }
}

/// The first error of a type among the causes.
fn cause<T: StdError + 'static>(error: &Error) -> Option<&T> {
    let mut next: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ASKED: Operation<'static> = Operation {
        bucket: "lake",
        region: "us-east-1",
    };

    fn meaning(status: u16, body: &str) -> StoreError {
        let status = StatusCode::from_u16(status).unwrap();
        let error = HttpError::from(Refusal::parse(status, None, body));
        ASKED.failed(&Error::Generic {
            store: "test",
            source: Box::new(error),
        })
    }

    fn refused(status: u16, code: &str) -> StoreError {
        let body = format!(
            "<?xml version=\"1.0\"?>\n<Error><Code>{code}</Code><Message>No,\nno</Message>\
             <Region>eu-west-1</Region></Error>"
        );
        meaning(status, &body)
    }

    #[test]
    fn refusals_are_told_apart() {
        use StoreError as E;
        assert!(
            matches!(refused(404, "NoSuchBucket"), E::NoSuchBucket(bucket) if bucket == "lake")
        );
        assert!(matches!(refused(404, "NoSuchKey"), E::Missing(_)));
        assert!(matches!(refused(400, "ExpiredToken"), E::Stale { .. }));
        assert!(matches!(
            refused(403, "InvalidAccessKeyId"),
            E::Stale { .. }
        ));
        for (status, code) in [
            (400, "AuthorizationHeaderMalformed"),
            (301, "PermanentRedirect"),
        ] {
            assert!(matches!(
                refused(status, code),
                E::WrongRegion { told: Some(region), .. } if region.as_str() == "eu-west-1"
            ));
        }
        assert!(
            matches!(refused(403, "AccessDenied"), E::Refused { reason, .. } if reason.as_str() == "No, no")
        );
        assert!(matches!(refused(503, "SlowDown"), E::Unreachable { .. }));
        assert!(matches!(
            meaning(301, ""),
            E::WrongRegion { told: None, .. }
        ));
        assert!(matches!(meaning(404, ""), E::Missing(_)));
        assert!(matches!(meaning(403, "<html>"), E::Refused { .. }));
    }

    proptest! {
        #[test]
        fn no_body_makes_it_panic(status in 300u16..600, body in "\\PC{0,60}(<Code>\\PC{0,20})?") {
            meaning(status, &body).to_string();
        }
    }
}
