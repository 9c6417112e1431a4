//! `POST <registry>/graphql`.

use http::Method;
use quilt_proto::{Quoted, Reason};
use serde::Deserialize;
use serde_json::{Value, json};

use super::me::ME;
use super::{RegistryClient, StackError, paths};

/// A document of `queries/` with the name of its one operation.
pub(super) struct Operation {
    pub(super) name: &'static str,
    pub(super) document: &'static str,
}

macro_rules! operation {
    ($name:literal, $file:literal) => {
        $crate::stack::graphql::Operation {
            name: $name,
            document: include_str!(concat!("queries/", $file)),
        }
    };
}
pub(super) use operation;

impl RegistryClient<'_> {
    /// Runs an operation; answers with `data`. Errors inside a 200 are refusals:
    /// of the bearer token, where the stack does not know whose it is.
    pub(super) async fn graphql(
        self,
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

        let body = json!({
            "operationName": operation.name,
            "query": operation.document,
            "variables": variables,
        });
        let request = self.request(Method::POST, paths::GRAPHQL)?.json(&body);
        let mut answer = self.send(request).await?;
        let reply: Reply = answer.large_json().await?;
        if let Some(problem) = reply.errors.first() {
            // Its words for that are not documented, so it is asked who that is; boxed,
            // because that asks by an operation, too.
            if operation.name != ME.name && Box::pin(self.rejects_bearer()).await {
                return Err(StackError::unknown_bearer(answer.host));
            }
            let said = Quoted::without_tokens(&problem.message, &[self.bearer]);
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

/// A field, or null where there is none, whatever the value is.
pub(super) fn take(value: &mut Value, field: &str) -> Value {
    value.get_mut(field).map(Value::take).unwrap_or_default()
}
