//! What is variable in a path.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::{ApiKeyId, NameError, PackageName};

/// What a path segment or a query component escapes: everything but RFC 3986's
/// unreserved characters.
pub(super) const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The variable segments of a path, in order.
pub trait PathParameters: Clone + Send + Sync + Sized + 'static {
    /// Their names in the path's template, and what the OpenAPI document says
    /// of each.
    const NAMES: &'static [(&'static str, &'static str)];

    /// Their values, not encoded, as many as there are names.
    fn values(&self) -> Vec<&str>;

    /// Their meaning, of as many decoded values as there are names.
    fn parse(values: &[&str]) -> Result<Self, NameError>;
}

/// What [`PathParameters`] says of an identifier.
const ID: &[(&str, &str)] = &[(
    "id",
    "Its identifier, as listed or answered when it was made.",
)];

impl PathParameters for () {
    const NAMES: &'static [(&'static str, &'static str)] = &[];

    fn values(&self) -> Vec<&str> {
        Vec::new()
    }

    fn parse(_: &[&str]) -> Result<Self, NameError> {
        Ok(())
    }
}

/// An identifier that only the daemon makes.
impl PathParameters for String {
    const NAMES: &'static [(&'static str, &'static str)] = ID;

    fn values(&self) -> Vec<&str> {
        vec![self]
    }

    fn parse(values: &[&str]) -> Result<Self, NameError> {
        Ok(values.concat())
    }
}

impl PathParameters for ApiKeyId {
    const NAMES: &'static [(&'static str, &'static str)] = ID;

    fn values(&self) -> Vec<&str> {
        vec![self.as_str()]
    }

    fn parse(values: &[&str]) -> Result<Self, NameError> {
        values.concat().parse()
    }
}

impl PathParameters for PackageName {
    const NAMES: &'static [(&'static str, &'static str)] = &[
        (
            "namespace",
            "The part of the package's name before the slash.",
        ),
        ("name", "The part of the package's name after the slash."),
    ];

    fn values(&self) -> Vec<&str> {
        vec![self.namespace(), self.name()]
    }

    fn parse(values: &[&str]) -> Result<Self, NameError> {
        values.join("/").parse()
    }
}

/// A template with its values, percent-encoded.
pub(super) fn fill<P: PathParameters>(template: &str, path: &P) -> String {
    let mut filled = String::with_capacity(template.len());
    let mut values = path.values().into_iter();
    // What is in braces is every second piece.
    for (at, piece) in template.split(['{', '}']).enumerate() {
        if at % 2 == 0 {
            filled.push_str(piece);
        } else {
            let value = values.next().unwrap_or_default();
            filled.extend(utf8_percent_encode(value, COMPONENT));
        }
    }
    filled
}
