//! Query parameters: written by clients, read by the daemon, which refuses any
//! it does not know. A misspelt `profile` must not give the default one, a
//! misspelt `top_hash` not delete every version.

use std::borrow::Cow;
use std::fmt;
use std::fmt::Write;

use percent_encoding::utf8_percent_encode;
use serde::de::value::{MapDeserializer, UnitDeserializer};
use serde::de::{self, DeserializeOwned, Deserializer, IntoDeserializer, Visitor};
use serde::{Serialize, forward_to_deserialize_any};
use serde_json::Value;
use url::form_urlencoded;

use super::path::COMPONENT;
use crate::{Quoted, terminal_safe};

/// The parameter that every endpoint takes.
pub const CATALOG: &str = "catalog";

/// The longest part of a name that is quoted, in characters.
const QUOTED: usize = 40;

/// Why a query was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// Nothing reads this one.
    #[error(
        "there is no query parameter {name} here, only: {}",
        [&[CATALOG][..], *known].concat().join(", ")
    )]
    Unknown {
        /// Its name, as it may be shown.
        name: Quoted,
        /// The names of those that are read besides `catalog`.
        known: &'static [&'static str],
    },
    /// One is missing, there twice, or not of its type.
    #[error("a query parameter is missing or malformed")]
    Malformed,
    /// The value of one is refused, and this is why.
    #[error("{0}")]
    Invalid(String),
}

impl de::Error for QueryError {
    /// What a type of ours says of a value that is none.
    fn custom<T: fmt::Display>(why: T) -> Self {
        Self::Invalid(why.to_string())
    }

    fn invalid_type(_: de::Unexpected<'_>, _: &dyn de::Expected) -> Self {
        Self::Malformed
    }

    fn invalid_value(_: de::Unexpected<'_>, _: &dyn de::Expected) -> Self {
        Self::Malformed
    }

    fn unknown_variant(_: &str, _: &'static [&'static str]) -> Self {
        Self::Malformed
    }

    fn missing_field(_: &'static str) -> Self {
        Self::Malformed
    }

    fn duplicate_field(_: &'static str) -> Self {
        Self::Malformed
    }
}

/// The names of the parameters of a type, as its declaration has them.
pub fn parameters<Q: DeserializeOwned>() -> &'static [&'static str] {
    let mut names = Names(&[]);
    drop(Q::deserialize(&mut names));
    names.0
}

/// The catalog a query names, and its other parameters.
pub fn parse<Q: DeserializeOwned>(query: &str) -> Result<(Option<String>, Q), QueryError> {
    let known = parameters::<Q>();
    let mut catalog = None;
    let mut pairs = Vec::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if name == CATALOG {
            if catalog.replace(value.into_owned()).is_some() {
                return Err(QueryError::Malformed);
            }
        } else if known.contains(&name.as_ref()) {
            pairs.push((name, Parameter(value)));
        } else {
            let name = Quoted::new(&terminal_safe::one_line(&name, QUOTED, 4 * QUOTED));
            return Err(QueryError::Unknown { name, known });
        }
    }
    let parsed = if known.is_empty() {
        Q::deserialize(UnitDeserializer::new())
    } else {
        Q::deserialize(MapDeserializer::new(pairs.into_iter()))
    };
    Ok((catalog, parsed?))
}

/// Writes parameters behind a path, and `catalog` where one is chosen.
pub(super) fn append(target: &mut String, query: &impl Serialize, catalog: Option<&str>) {
    let parameters = match serde_json::to_value(query) {
        Ok(Value::Object(parameters)) => parameters,
        _ => serde_json::Map::new(),
    };
    let text = |value| match value {
        Value::Null => None,
        Value::String(text) => Some(text),
        value => Some(value.to_string()),
    };
    let catalog = catalog.map(|catalog| (CATALOG.to_owned(), catalog.to_owned()));
    let pairs = parameters.into_iter();
    let pairs = pairs.filter_map(|(name, value)| Some((name, text(value)?)));
    for (at, (name, value)) in pairs.chain(catalog).enumerate() {
        let separator = if at == 0 { '?' } else { '&' };
        let value = utf8_percent_encode(&value, COMPONENT);
        // Writing to a String cannot fail.
        let _ = write!(target, "{separator}{name}={value}");
    }
}

/// Learns the names of a struct's fields from its own `Deserialize`.
struct Names(&'static [&'static str]);

impl<'de> Deserializer<'de> for &mut Names {
    type Error = QueryError;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, QueryError> {
        Err(QueryError::Malformed)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, QueryError> {
        self.0 = fields;
        Err(QueryError::Malformed)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

/// The value of a parameter: text that may stand for something else.
struct Parameter<'a>(Cow<'a, str>);

impl IntoDeserializer<'_, QueryError> for Parameter<'_> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// As what a number or `true` and `false` are read.
macro_rules! parsed {
    ($($method:ident $visit:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, QueryError> {
            visitor.$visit(self.0.parse().map_err(|_| QueryError::Malformed)?)
        })*
    };
}

impl<'de> Deserializer<'de> for Parameter<'_> {
    type Error = QueryError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, QueryError> {
        visitor.visit_string(self.0.into_owned())
    }

    parsed! {
        deserialize_bool visit_bool
        deserialize_u8 visit_u8
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, QueryError> {
        visitor.visit_some(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, QueryError> {
        let text: de::value::CowStrDeserializer<'_, QueryError> = self.0.into_deserializer();
        text.deserialize_enum(name, variants, visitor)
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i64 i128 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct newtype_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}
