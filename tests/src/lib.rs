//! What quiltd is tested with: a fake Quilt deployment, and the harness that runs real programs
//! against it.

pub mod fake_stack;
pub mod harness;
pub mod showcase;

/// Compiles the samples of the documents.
#[cfg(doctest)]
#[doc = include_str!("../../docs/guide.md")]
struct Documents;
