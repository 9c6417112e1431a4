//! Packages and search, beside the real quilt3.

mod fake;
mod faults;
mod hang_up;
mod lying_listing;
mod many;
mod meant;
mod moto;
mod pair;
mod random;
mod refusals;
mod regions;
mod sdk;
mod search;
mod stray_keys;
mod stream;
mod terminal;
mod twins;
mod world;

pub(crate) use fake::world as fake_world;
