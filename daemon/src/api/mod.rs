//! The JSON API: what each path does, in terms of the services below.

mod arrival;
mod audit;
mod endpoint;
mod error;
mod finding;
pub mod hints;
mod listing;
mod loopback;
mod meter;
mod notices;
mod openapi;
mod router;
mod routes;
mod web;

pub use self::meter::metered;
pub use self::notices::tell_notices;
pub use self::router::{open_gateway, router};
