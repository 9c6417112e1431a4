//! Calls as HTTP writes them.

use std::fmt::Write;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use quilt_proto::call::Call;

/// What a query component escapes: everything but RFC 3986's unreserved characters.
const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Path and query of a call, `catalog` included where one is chosen.
pub(crate) fn target<C: Call>(call: &C, catalog: Option<&str>) -> String {
    let mut target = call.path();
    append(&mut target, call.query(), catalog);
    target
}

/// A path without a query of its own, with `catalog` where one is chosen.
#[cfg(feature = "blocking")]
pub(crate) fn with_catalog(path: &str, catalog: Option<&str>) -> String {
    let mut target = path.to_owned();
    append(&mut target, Vec::new(), catalog);
    target
}

fn append(target: &mut String, query: Vec<(&'static str, String)>, catalog: Option<&str>) {
    let catalog = catalog.map(|catalog| ("catalog", catalog.to_owned()));
    let mut separator = '?';
    for (name, value) in query.into_iter().chain(catalog) {
        let value = utf8_percent_encode(&value, COMPONENT);
        // Writing to a String cannot fail.
        let _ = write!(target, "{separator}{name}={value}");
        separator = '&';
    }
}

#[cfg(test)]
mod tests {
    use quilt_proto::call::{ReadCredentials, ReadToken};

    use super::*;

    #[test]
    fn queries_are_encoded_and_joined() {
        let call = ReadCredentials {
            profile: "lake".parse().unwrap(),
        };
        assert_eq!(target(&ReadToken, None), "/v1/token");
        assert_eq!(
            target(&call, Some("https://x.example/é?a=b&c")),
            "/v1/aws/credentials?profile=lake\
             &catalog=https%3A%2F%2Fx.example%2F%C3%A9%3Fa%3Db%26c"
        );
    }

    #[test]
    fn no_value_can_break_out_of_the_request_line() {
        assert_eq!(
            target(&ReadToken, Some(" HTTP/1.1\r\nHost: evil")),
            "/v1/token?catalog=%20HTTP%2F1.1%0D%0AHost%3A%20evil"
        );
    }
}
