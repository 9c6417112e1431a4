//! The JSON API: what each path does, in terms of the services below.

mod arrival;
mod error;
mod extract;
mod finding;
mod listing;
mod loopback;
pub mod mend;
mod meter;
mod openapi;
mod router;
mod routes;
mod strict;
mod table;
mod trail;
mod web;

pub use self::meter::metered;
pub use self::router::{open_gateway, router};
