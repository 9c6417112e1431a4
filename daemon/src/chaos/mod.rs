//! Trouble at every endpoint, on a virtual clock: what is shown, what it costs
//! the stack, and how long it takes until all is well again.

mod idle;
mod keys;
mod stack;
mod story;
mod table;
mod world;
