//! What answers AWS's SDK in place of the network, in tests.

use std::fmt;
use std::sync::Arc;

use aws_config::retry::RetryConfig;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use futures_util::future::BoxFuture;

use super::Aws;

type Answer = BoxFuture<'static, Result<HttpResponse, ConnectorError>>;

/// Answers calls.
#[derive(Clone)]
pub(crate) struct Calls(Arc<dyn Fn(HttpRequest) -> Answer + Send + Sync>);

impl Calls {
    pub(crate) fn new(answer: impl Fn(HttpRequest) -> Answer + Send + Sync + 'static) -> Self {
        Self(Arc::new(answer))
    }
}

impl fmt::Debug for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Calls")
    }
}

impl HttpClient for Calls {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Calls {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::new((self.0)(request))
    }
}

impl Aws {
    /// Over something else than the network. Nothing is tried twice: how long
    /// the SDK pauses before that is a matter of chance.
    pub(crate) fn over(self, calls: Calls) -> Self {
        let config = self.config.into_builder();
        let config = config.http_client(calls);
        Self {
            config: config.retry_config(RetryConfig::disabled()).build(),
            ..self
        }
    }
}
