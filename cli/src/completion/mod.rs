//! Completion that knows what the daemon knows.
//!
//! A shell's script runs this program with the words typed so far; it answers
//! with what may come next. It asks a daemon that runs, waits a fifth of a
//! second at most, starts nothing and runs nothing.

mod daemon_query;
mod script;
mod sources;

pub(crate) use self::daemon_query::about;
pub(crate) use self::script::{Shell, script};
pub(crate) use self::sources::{
    admin_key_names, admin_keys, catalogs, grants, key_names, keys, packages, profiles, programs,
    registries, roles,
};
