//! Who exists, who is logged in, and who may do what.

pub(crate) mod bearer;
pub(crate) mod jwt;
pub(crate) mod keys;
pub(crate) mod refresh_tokens;
pub(crate) mod roles;
pub(crate) mod users;
