//! The JSON API: what each path does, in terms of the services below.

mod audit;
mod due_notifications;
mod endpoint;
mod error;
mod findings;
pub mod hints;
mod listing;
mod login_answer;
mod loopback;
mod openapi;
mod request_bodies;
mod request_meter;
mod router;
mod routes;
mod web;

pub use self::due_notifications::notify_user;
pub use self::request_meter::metered;
pub use self::router::{open_gateway, router};
