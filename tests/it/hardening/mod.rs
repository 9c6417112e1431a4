//! What SECURITY.md promises, attacked: each attack is also made on something
//! that is not protected, where it has to succeed.

mod memory;
mod other_user;
mod process;
mod same_user;
mod trace;
