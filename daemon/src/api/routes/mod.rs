//! One file a subject: its handlers, which `router.rs` names. They are verbs.

pub(super) mod api_keys;
pub(super) mod audit;
pub(super) mod aws;
pub(super) mod buckets;
pub(super) mod config;
pub(super) mod doctor;
pub(super) mod events;
pub(super) mod gateway;
pub(super) mod grants;
pub(super) mod handover;
pub(super) mod health;
pub(super) mod me;
pub(super) mod metrics;
pub(super) mod openapi;
pub(super) mod packages;
pub(super) mod profiles;
pub(super) mod search;
pub(super) mod session;
pub(super) mod shutdown;
pub(super) mod status;
pub(super) mod token;
pub(super) mod web;

pub(super) use self::session::describe;
