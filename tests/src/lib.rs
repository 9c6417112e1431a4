//! What quiltd is tested with: a fake Quilt deployment, and the harness that runs real programs
//! against it.

pub mod harness;
pub mod showcase;
pub mod stack;

/// Compiles the README's samples.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
