//! The JSON API: what each path does, in terms of the services below.

mod container;
mod error;
mod extract;
mod finding;
mod listing;
mod router;
mod routes;
mod trail;
mod web;

pub use self::router::router;
