//! `POST <registry>/graphql`.

use quilt_proto::{Quoted, Reason, RegistryUrl, Secret};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{StackClient, StackError, me};

/// A document of `queries/` with the name of its one operation.
pub(super) struct Operation {
    pub(super) name: &'static str,
    pub(super) document: &'static str,
}

impl StackClient {
    /// Runs an operation; answers with `data`. Errors inside a 200 are refusals:
    /// of the bearer token, where the stack does not know whose it is.
    pub(super) async fn graphql(
        &self,
        registry: &RegistryUrl,
        bearer: &Secret,
        operation: &Operation,
        variables: Value,
    ) -> Result<Value, StackError> {
        #[derive(Deserialize)]
        struct Reply {
            data: Option<Value>,
            #[serde(default)]
            errors: Vec<Problem>,
        }
        #[derive(Deserialize)]
        struct Problem {
            message: String,
        }
        let url = registry.join("/graphql");
        let body = json!({
            "operationName": operation.name,
            "query": operation.document,
            "variables": variables,
        });
        let request = self
            .client(&url)?
            .post(&url)
            .bearer_auth(bearer.expose())
            .json(&body);
        let mut answer = self.send(request, &[bearer]).await?;
        let reply: Reply = answer.large_json().await?;
        if let Some(problem) = reply.errors.first() {
            // Boxed, because that asks by an operation, too.
            if Box::pin(me::rejects_bearer(self, registry, bearer, operation.name)).await {
                return Err(StackError::unknown_bearer(answer.host));
            }
            let said = Quoted::without_tokens(&problem.message, &[bearer]);
            return Err(StackError::Refused {
                host: answer.host,
                message: Reason::theirs_or(said, "an error"),
            });
        }
        reply
            .data
            .ok_or_else(|| answer.invalid("a GraphQL answer without data"))
    }
}
