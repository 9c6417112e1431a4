//! The JSON API: what each path does, in terms of the services below.

mod container;
mod error;
mod extract;
mod listing;
mod meter;
mod openapi;
mod router;
mod routes;
mod table;
mod trail;
mod web;

pub use self::meter::metered;
pub use self::router::router;
