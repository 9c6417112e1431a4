//! Where AWS is, as the standard variables say (AWS SDKs and Tools Reference
//! Guide).

use std::env;
use std::fs;

use quilt_proto::quoted;

use super::AwsError;

/// A variable that is set to something.
pub(super) fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// `AWS_ENDPOINT_URL_<SERVICE>` before `AWS_ENDPOINT_URL`, neither with
/// `AWS_IGNORE_CONFIGURED_ENDPOINT_URLS`.
pub(super) fn endpoint(service: &str) -> Option<String> {
    endpoint_among(service, variable)
}

fn endpoint_among(service: &str, variable: impl Fn(&str) -> Option<String>) -> Option<String> {
    let ignored = variable("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS");
    if ignored.is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        return None;
    }
    variable(&format!("AWS_ENDPOINT_URL_{service}")).or_else(|| variable("AWS_ENDPOINT_URL"))
}

/// The certificates to trust instead of the system's: `AWS_CA_BUNDLE`, PEM.
pub(super) fn ca_bundle() -> Result<Option<Vec<u8>>, AwsError> {
    let Some(path) = variable("AWS_CA_BUNDLE") else {
        return Ok(None);
    };
    fs::read(&path).map(Some).map_err(|error| {
        AwsError::unreachable(
            "AWS",
            format!("AWS_CA_BUNDLE {}: {error}", quoted::name(&path)),
        )
    })
}

/// The region where neither a profile nor a role names one.
pub(super) fn region() -> Option<String> {
    variable("AWS_REGION").or_else(|| variable("AWS_DEFAULT_REGION"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_service_goes_before_the_general_variable() {
        let both = [
            ("AWS_ENDPOINT_URL", "http://127.0.0.1:1"),
            ("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:2"),
            ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "True"),
        ];
        let of = |set: &[(&str, &str)]| {
            endpoint_among("STS", |name| {
                let found = set.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_owned())
            })
        };
        assert_eq!(of(&both[..2]).as_deref(), Some("http://127.0.0.1:2"));
        assert_eq!(of(&both[..1]).as_deref(), Some("http://127.0.0.1:1"));
        assert_eq!(of(&both), None);
    }
}
