//! The registry gateway.

use super::{Call, Method, json, path};
use crate::Secret;
use crate::wire::{Gateway, GatewayRequest};

/// How the gateway stands.
#[derive(Clone, Copy, Debug)]
pub struct ReadGateway;

impl Call for ReadGateway {
    type Answer = Gateway;
    const METHOD: Method = Method::Get;

    fn path(&self) -> String {
        path::GATEWAY.to_owned()
    }
}

/// Lead the Python SDK to the gateway.
#[derive(Clone, Copy, Debug)]
pub struct SetUpGateway(pub GatewayRequest);

impl Call for SetUpGateway {
    type Answer = Gateway;
    const METHOD: Method = Method::Put;

    fn path(&self) -> String {
        path::GATEWAY.to_owned()
    }

    fn body(&self) -> Option<Secret> {
        json(&self.0)
    }
}

/// Put the Python SDK's files back.
#[derive(Clone, Copy, Debug)]
pub struct UndoGateway;

impl Call for UndoGateway {
    type Answer = Gateway;
    const METHOD: Method = Method::Delete;

    fn path(&self) -> String {
        path::GATEWAY.to_owned()
    }
}
