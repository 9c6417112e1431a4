//! The product, driven from outside: real binaries, real socket, fake stack.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "tests fail by panicking"
)]

mod api_keys;
mod api_keys_aws;
mod api_keys_lost;
mod api_keys_rotation;
mod api_keys_traces;
mod audit;
mod buckets;
mod closed_to_others;
mod config;
mod confirmation;
mod conformance;
mod console;
mod crashes;
mod credentials;
mod crowds;
mod doctor;
mod documents;
mod dotenv;
mod env;
mod env_failed;
mod exec;
mod exec_for;
mod fake_stack;
mod first_failures;
mod foreign;
mod full_disk;
mod gateway;
mod grants;
#[cfg(target_os = "linux")]
mod handover;
mod hardening;
mod hints;
mod idle;
mod interruptions;
mod keyring;
mod login_identity;
mod malformed;
mod metrics;
mod networks;
mod notify;
mod openapi;
mod packages;
mod pipes;
mod places;
mod planted_programs;
mod profiles;
mod programs;
mod readme;
mod recording;
mod regions;
mod registry;
mod rewrites;
mod role_switch;
mod roles;
#[cfg(target_os = "linux")]
mod schemathesis;
mod screens;
mod secrets;
mod sessions;
mod syscalls;
mod trust;
mod two_daemons;
mod upgrade;
mod user_namespaces;
mod users;
mod web_login;
mod web_users;
mod wire;
