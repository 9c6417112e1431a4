//! Places of AWS's services that the environment names, and that lie beyond
//! this machine without TLS. What goes there is credentials, so nothing goes.

use std::env;

use quilt_proto::Command;
use quilt_proto::catalog::is_loopback;
use url::Url;

use crate::Origin;

/// Names AWS's federation endpoint, before the settings file.
pub const CONSOLE_ENDPOINT_ENV: &str = "QUILTD_CONSOLE_ENDPOINT";

/// Has the variables that name places left unread (AWS SDKs reference guide,
/// "Service-specific endpoints").
const IGNORE: &str = "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS";

/// Names a place for all services, and begins the name of each one's (the same guide).
const AWS_ENDPOINT_ENV: &str = "AWS_ENDPOINT_URL";

/// The variables that the daemon reads.
const VARIABLES: [&str; 4] = [
    "AWS_ENDPOINT_URL_STS",
    "AWS_ENDPOINT_URL_S3",
    AWS_ENDPOINT_ENV,
    CONSOLE_ENDPOINT_ENV,
];

/// A variable that names such a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlainEndpoint {
    /// Its name.
    pub variable: &'static str,
    /// What it names.
    pub origin: Origin,
}

impl PlainEndpoint {
    /// Starts the daemon without the variable.
    pub fn remedy(&self) -> Command {
        Command::of("unset")
            .words(self.variable)
            .words("&& quiltctl daemon restart")
    }
}

/// Whether what is sent to a URL can be read on the way.
pub fn is_plain(url: &Url) -> bool {
    url.scheme() != "https" && !is_loopback(url)
}

/// Those that this process was started with.
pub fn plain_endpoints() -> Vec<PlainEndpoint> {
    among(|name| env::var(name).ok())
}

fn among(value: impl Fn(&str) -> Option<String>) -> Vec<PlainEndpoint> {
    let is_ignored = value(IGNORE).is_some_and(|it| it.eq_ignore_ascii_case("true"));
    let counts = |name: &str| !(is_ignored && name.starts_with("AWS_"));
    let named = VARIABLES.into_iter().filter(|name| counts(name));
    let plain = named.filter_map(|variable| {
        let url = Url::parse(&value(variable)?).ok()?;
        let is_read = matches!(url.scheme(), "http" | "https");
        (is_read && is_plain(&url)).then(|| PlainEndpoint {
            variable,
            origin: Origin::of(&url),
        })
    });
    plain.collect()
}

/// The variables of this process that name a place for a service of AWS, or for all.
pub fn variables_naming(place: &Origin) -> Vec<String> {
    let variables = env::vars_os().filter_map(|(name, value)| {
        let (name, value) = (name.into_string().ok()?, value.into_string().ok()?);
        let named = Url::parse(&value).ok()?;
        (name.starts_with(AWS_ENDPOINT_ENV) && Origin::of(&named) == *place).then_some(name)
    });
    let mut names: Vec<String> = variables.collect();
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leaves_this_machine_in_the_clear_is_found() {
        let found = |set: &[(&str, &str)]| -> Vec<&str> {
            let value = |name: &str| {
                let set = set.iter().find(|(of, _)| *of == name);
                set.map(|(_, value)| (*value).to_owned())
            };
            among(value).iter().map(|found| found.variable).collect()
        };
        let plain = "http://192.0.2.2:45876";
        for name in VARIABLES {
            assert_eq!(found(&[(name, plain)]), [name]);
            for fine in [
                "https://192.0.2.2",
                "http://127.0.0.1:9",
                "http://localhost",
                "",
                "x",
            ] {
                assert_eq!(found(&[(name, fine)]), [""; 0], "{fine}");
            }
        }
        let both = [("AWS_ENDPOINT_URL_S3", plain), (IGNORE, "true")];
        assert_eq!(found(&both), [""; 0]);
        for plain in [
            "http://minio:9000",
            "http://10.0.0.1",
            "http://localhost.evil.example",
        ] {
            assert_eq!(found(&[("AWS_ENDPOINT_URL", plain)]), ["AWS_ENDPOINT_URL"]);
        }
    }
}
