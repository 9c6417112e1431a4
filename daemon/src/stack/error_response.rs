//! What an answer means that is none of what was asked for.

use http::StatusCode;
use quilt_network::{Failure, intercepted};
use quilt_proto::Secret;

use super::StackError;
use super::answer::Answer;

impl Answer {
    /// Itself where it is a 2xx; else what it means. A refusal counts as the
    /// stack's only in the stack's voice, which is JSON: load balancers and
    /// firewalls in front of it refuse with pages.
    pub(super) fn judged(
        self,
        status: StatusCode,
        secrets: &[&Secret],
    ) -> Result<Self, StackError> {
        // Whoever speaks in web pages, or of proxies, is not the stack.
        let may_be_intercepted = status.is_success()
            || matches!(
                status,
                StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN
            );
        let redirected = || {
            let leads_to = || Failure::Redirected(self.leads_to.clone());
            status.is_redirection().then(leads_to)
        };
        let failure = intercepted(status.as_u16(), may_be_intercepted && self.is_page);
        if let Some(failure) = failure.or_else(redirected) {
            return Err(self.unreachable(failure));
        }
        if status.is_success() {
            return Ok(self);
        }
        let (host, message) = (self.host.clone(), self.message(status, secrets));
        let is_stacks = self.is_stacks();
        Err(match status {
            StatusCode::UNAUTHORIZED if is_stacks => StackError::Unauthorized { host, message },
            StatusCode::FORBIDDEN if is_stacks => StackError::Forbidden { host, message },
            StatusCode::BAD_REQUEST if is_stacks => StackError::Refused { host, message },
            StatusCode::UNAUTHORIZED
            | StatusCode::FORBIDDEN
            | StatusCode::BAD_REQUEST
            | StatusCode::REQUEST_TIMEOUT
            | StatusCode::TOO_MANY_REQUESTS => self.failed(status),
            // An ingress in the middle of a deploy says such things; the stack
            // itself does not.
            status if status.is_client_error() => self.invalid(&format!("it answered {status}")),
            status => self.failed(status),
        })
    }

    /// Whether a refusal is in the stack's own voice: a JSON object.
    pub(super) fn is_stacks(&self) -> bool {
        let text = self.body.trim_ascii_start();
        text.starts_with(b"{") && serde_json::from_slice::<serde::de::IgnoredAny>(text).is_ok()
    }

    /// The code of an OAuth error (RFC 6749, section 5.2).
    pub(super) fn oauth_error(&self) -> Option<String> {
        #[derive(serde::Deserialize)]
        struct Refusal {
            error: String,
        }
        let refusal = serde_json::from_slice::<Refusal>(&self.body).ok()?;
        Some(refusal.error)
    }
}
