//! The Secret Service as another program of the user's has it (Secret Service
//! API 0.2, freedesktop.org), with secrets in plain.

use std::collections::HashMap;

use zbus::blocking::Connection;
use zbus::blocking::connection::Builder;
use zbus::zvariant::{DynamicType, OwnedObjectPath, OwnedValue, Value};

use super::session_bus::SECRETS;

/// Where the service is.
const SERVICE: &str = "/org/freedesktop/secrets";

/// The attributes of an item.
type Attributes = HashMap<String, String>;

/// A secret: session, parameters, value, media type.
type Secret = (OwnedObjectPath, Vec<u8>, Vec<u8>, String);

/// A session with the service that is on a bus.
#[derive(Debug)]
pub struct SecretService {
    connection: Connection,
    session: OwnedObjectPath,
}

impl SecretService {
    pub(super) fn open(address: &str) -> zbus::Result<Self> {
        let connection = Builder::address(address)?.build()?;
        let body = ("plain", Value::from(""));
        let (_, session): (OwnedValue, _) =
            Self::ask(&connection, SERVICE, "Service", "OpenSession", &body)?;
        Ok(Self {
            connection,
            session,
        })
    }

    /// The secrets that quiltd keeps.
    ///
    /// # Errors
    /// What the bus or the service says.
    pub fn secrets(&self) -> zbus::Result<Vec<Vec<u8>>> {
        let secret = |item: &OwnedObjectPath| {
            let (secret,): (Secret,) = Self::ask(
                &self.connection,
                item,
                "Item",
                "GetSecret",
                &(&self.session,),
            )?;
            Ok(secret.2)
        };
        self.items()?.iter().map(secret).collect()
    }

    /// Replaces the secrets that quiltd keeps by another.
    ///
    /// # Errors
    /// What the bus or the service says.
    pub fn replace(&self, value: &[u8]) -> zbus::Result<()> {
        self.items()?.iter().try_for_each(|item| {
            Self::ask(
                &self.connection,
                item,
                "Item",
                "SetSecret",
                &(self.secret(value),),
            )
        })
    }

    /// Keeps another secret beside quiltd's, under its attributes and one more.
    ///
    /// # Errors
    /// What the bus or the service says.
    pub fn add(&self, value: &[u8]) -> zbus::Result<()> {
        for item in self.items()? {
            let about = ("org.freedesktop.Secret.Item", "Attributes");
            let reply = self.connection.call_method(
                Some(SECRETS),
                &item,
                Some("org.freedesktop.DBus.Properties"),
                "Get",
                &about,
            )?;
            let attributes: OwnedValue = reply.body().deserialize()?;
            let mut attributes = Attributes::try_from(attributes)?;
            attributes.insert("another".to_owned(), "program".to_owned());
            let label = ("org.freedesktop.Secret.Item.Label", Value::from("another"));
            let attributes = Value::from(attributes);
            let attributes = ("org.freedesktop.Secret.Item.Attributes", attributes);
            let properties = HashMap::from([label, attributes]);
            let body = (properties, self.secret(value), false);
            let collection = item
                .rsplit_once('/')
                .map_or("", |(collection, _)| collection);
            let _: (OwnedObjectPath, OwnedObjectPath) = Self::ask(
                &self.connection,
                collection,
                "Collection",
                "CreateItem",
                &body,
            )?;
        }
        Ok(())
    }

    fn secret(&self, value: &[u8]) -> Secret {
        let kind = "application/octet-stream".to_owned();
        (self.session.clone(), Vec::new(), value.to_vec(), kind)
    }

    fn items(&self) -> zbus::Result<Vec<OwnedObjectPath>> {
        let of_quiltd = HashMap::from([("service", "quiltd")]);
        let (unlocked, _): (Vec<OwnedObjectPath>, Vec<OwnedObjectPath>) = Self::ask(
            &self.connection,
            SERVICE,
            "Service",
            "SearchItems",
            &(of_quiltd,),
        )?;
        Ok(unlocked)
    }

    fn ask<R>(
        connection: &Connection,
        object: &str,
        interface: &str,
        method: &str,
        body: &(impl serde::Serialize + DynamicType),
    ) -> zbus::Result<R>
    where
        R: serde::de::DeserializeOwned + zbus::zvariant::Type,
    {
        let interface = format!("org.freedesktop.Secret.{interface}");
        let reply = connection.call_method(
            Some(SECRETS),
            object,
            Some(interface.as_str()),
            method,
            body,
        )?;
        reply.body().deserialize()
    }
}
