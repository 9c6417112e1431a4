//! What a GraphQL request asks for, read as the registry will read it.
//!
//! What could be read in more than one way is *unclear*: it is never taken for
//! harmless.

mod allowed_mutations;
mod document;
mod envelope;

use std::collections::BTreeSet;
use std::fmt::{self, Write};

use quilt_proto::wire::Ambiguity;
use tokio::sync::Semaphore;

use crate::stack::{Forward, paths};

/// The largest request that is read, in bytes.
const MAX_READ: usize = 2 * 1024 * 1024;

/// How many fields are named where a request is described, and how long each.
const MAX_NAMED: usize = 6;
const MAX_NAME: usize = 48;

/// What a request asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GraphqlRequest {
    /// Every operation that the registry may run.
    operations: Vec<Operation>,
    /// Why that may not be all.
    unclear: Option<Ambiguity>,
    /// What is unclear may be a mutation.
    may_hide_mutation: bool,
}

/// The documents that are read at a time.
static READING: Semaphore = Semaphore::const_new(2);

/// One operation.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Operation {
    kind: OperationKind,
    /// Its fields from the root on, such as `me` or `admin.apiKeys.revoke`, by
    /// their own names.
    fields: BTreeSet<String>,
}

/// What an operation may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OperationKind {
    Query,
    Mutation,
    Subscription,
}

/// Whether a request is one of GraphQL.
pub(super) fn is_graphql(request: &Forward) -> bool {
    request.target.split('?').next() == Some(paths::GRAPHQL)
}

impl GraphqlRequest {
    /// What a request asks for, if it is one of GraphQL.
    pub async fn by(request: &Forward) -> Option<Self> {
        if is_graphql(request) {
            Some(Self::of(request).await)
        } else {
            None
        }
    }

    async fn of(request: &Forward) -> Self {
        let envelope = match envelope::open(request) {
            Ok(envelope) => envelope,
            Err(unclear) => return Self::unclear(unclear),
        };
        // It comes from anybody with a grant, and reading may take a while: in
        // a thread where neither keeps others waiting, and in few of them, as each
        // takes its part of the processors.
        let turn = READING.acquire().await;
        let read = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            envelope.read()
        });
        read.await.unwrap_or(Self::unclear(Ambiguity::Document))
    }

    fn unclear(unclear: Ambiguity) -> Self {
        Self {
            operations: Vec::new(),
            unclear: Some(unclear),
            may_hide_mutation: true,
        }
    }

    /// Notes a doubt; the first is kept.
    fn doubt(&mut self, unclear: Ambiguity) {
        self.unclear.get_or_insert(unclear);
        self.may_hide_mutation = true;
    }

    /// Notes that a document was not read. No mutation does without the word, and
    /// documents have no other way to spell it (GraphQL, section 2.3).
    fn doubt_document(&mut self, unclear: Ambiguity, text: &str) {
        self.unclear.get_or_insert(unclear);
        self.may_hide_mutation |= text.contains("mutation");
    }

    /// Whether it may change the user's role, and with it the AWS credentials.
    pub fn may_change_role(&self) -> bool {
        self.may_hide_mutation || self.mutates().any(allowed_mutations::changes_role)
    }

    /// That it neither makes API keys nor makes or ends logins; else, why that
    /// is not known to be so.
    pub fn leaves_logins_alone(&self) -> Result<(), Withheld> {
        if let Some(unclear) = self.unclear {
            return Err(Withheld::Ambiguous(unclear));
        }
        match self
            .mutates()
            .find(|field| !allowed_mutations::is_harmless(field))
        {
            Some(field) => Err(Withheld::Field(cut(field))),
            None => Ok(()),
        }
    }

    /// The fields of what is no mere query.
    fn mutates(&self) -> impl Iterator<Item = &str> {
        let operations = self.operations.iter();
        let changing = operations.filter(|operation| operation.kind != OperationKind::Query);
        changing.flat_map(|operation| operation.fields.iter().map(String::as_str))
    }
}

/// Why a request is not carried for a grant without API keys.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Withheld {
    /// It does what is kept back, or what quiltd does not know.
    #[error("quilt3 was set up without API keys and logins: {0} is kept back")]
    Field(String),
    /// Nobody knows what it does.
    #[error("quilt3 was set up without API keys and logins: a request is kept back because {0}")]
    Ambiguous(Ambiguity),
}

/// For the audit log: `mutation apiKeyCreate`. Field names as the registry
/// knows them, never those that the caller made up.
impl fmt::Display for GraphqlRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = self.operations.iter().flat_map(|operation| {
            let kind = operation.kind;
            operation.fields.iter().map(move |field| (kind, field))
        });
        let (mut last, mut left) = (None, MAX_NAMED);
        for (kind, field) in named {
            if left == 0 {
                return f.write_str(", …");
            }
            left -= 1;
            match last.replace(kind) {
                None => write!(f, "{kind} ")?,
                Some(same) if same == kind => f.write_str(", ")?,
                Some(_) => write!(f, ", {kind} ")?,
            }
            f.write_str(&cut(field))?;
        }
        match self.unclear {
            None => Ok(()),
            Some(unclear) if last.is_none() => write!(f, "({unclear})"),
            Some(unclear) => write!(f, " ({unclear})"),
        }
    }
}

impl fmt::Display for OperationKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Query => "query",
            Self::Mutation => "mutation",
            Self::Subscription => "subscription",
        })
    }
}

fn cut(name: &str) -> String {
    let mut cut: String = name.chars().take(MAX_NAME).collect();
    if cut.len() < name.len() {
        // Writing to a String cannot fail.
        let _ = cut.write_char('…');
    }
    cut
}

#[cfg(test)]
mod tests;
