//! The AWS side: credentials, the roles they stand for, and STS, which trades them.

pub(crate) mod assume_role;
pub(crate) mod credentials;
pub(crate) mod federation;
pub(crate) mod policy;
pub(crate) mod roles;
pub(crate) mod signature;
pub(crate) mod sts;
pub(crate) mod xml;
