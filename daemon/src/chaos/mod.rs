//! Trouble at every endpoint, on a virtual clock: what is shown, what it costs
//! the stack, and how long it takes until all is well again.

mod epochs;
mod idle;
mod keys;
mod stack;
mod table;
mod world;
