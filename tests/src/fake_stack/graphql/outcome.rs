//! What mutations answer besides their result.

use async_graphql::{Json, SimpleObject};
use serde_json::Value;

/// It worked, and there is nothing to say.
#[derive(Debug, Default, SimpleObject)]
pub(crate) struct Ok {
    /// GraphQL types need a field.
    #[graphql(name = "_")]
    nothing: Option<bool>,
}

/// The input was refused.
#[derive(Debug, SimpleObject)]
pub(crate) struct InvalidInput {
    errors: Vec<InputError>,
}

/// One thing wrong with the input.
#[derive(Debug, SimpleObject)]
pub(crate) struct InputError {
    path: Option<String>,
    message: String,
    name: String,
    context: Option<Json<Value>>,
}

impl InvalidInput {
    pub(crate) fn new(path: &str, name: &str, message: impl Into<String>) -> Self {
        let error = InputError {
            path: Some(path.to_owned()),
            message: message.into(),
            name: name.to_owned(),
            context: None,
        };
        Self {
            errors: vec![error],
        }
    }
}

/// The input was fine, and yet it could not be done.
#[derive(Debug, SimpleObject)]
pub(crate) struct OperationError {
    message: String,
    name: String,
    context: Option<Json<Value>>,
}

/// Types whose name is all they say.
macro_rules! nothing_to_say {
    ($($name:ident),* $(,)?) => {$(
        #[derive(Debug, Default, ::async_graphql::SimpleObject)]
        pub(crate) struct $name {
            /// GraphQL types need a field.
            #[graphql(name = "_")]
            nothing: Option<bool>,
        }
    )*};
}
pub(super) use nothing_to_say;
