//! A registry, as somebody with a bearer token asks it.

use http::Method;
use quilt_proto::{RegistryUrl, Secret};
use reqwest::RequestBuilder;

use super::answer::Answer;
use super::http::host;
use super::{StackClient, StackError};

/// A registry, and the bearer token that it is asked with.
#[derive(Clone, Copy)]
pub struct RegistryClient<'a> {
    client: &'a StackClient,
    registry: &'a RegistryUrl,
    pub(super) bearer: &'a Secret,
}

impl StackClient {
    /// Asks `registry` as whoever `bearer` is.
    pub fn registry<'a>(
        &'a self,
        registry: &'a RegistryUrl,
        bearer: &'a Secret,
    ) -> RegistryClient<'a> {
        RegistryClient {
            client: self,
            registry,
            bearer,
        }
    }
}

impl RegistryClient<'_> {
    /// A request with the bearer token.
    pub(super) fn request(self, method: Method, path: &str) -> Result<RequestBuilder, StackError> {
        let url = self.registry.join(path);
        let request = self.client.client(&url)?.request(method, &url);
        Ok(request.bearer_auth(self.bearer.expose()))
    }

    pub(super) async fn send(self, request: RequestBuilder) -> Result<Answer, StackError> {
        self.client.send(request, &[self.bearer]).await
    }

    /// Its host, for messages.
    pub(super) fn host(self) -> String {
        host(self.registry.as_str())
    }

    pub(super) fn invalid(self, reason: &str) -> StackError {
        StackError::invalid(self.host(), reason)
    }
}
