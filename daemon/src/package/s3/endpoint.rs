//! Where S3 answers.

use quilt_proto::catalog::is_loopback;
use url::Url;

/// The region asked first where the configuration names none.
pub(super) const DEFAULT_REGION: &str = "us-east-1";

/// AWS itself, or what the standard variables name instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Endpoint {
    /// AWS, in whatever region.
    Aws,
    /// One server for all buckets.
    Custom(Url),
}

impl Endpoint {
    /// As the AWS SDKs read them: `AWS_ENDPOINT_URL_S3` before
    /// `AWS_ENDPOINT_URL`, neither with `AWS_IGNORE_CONFIGURED_ENDPOINT_URLS`.
    pub(super) fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let ignored = set("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS");
        if ignored.is_some_and(|value| value.eq_ignore_ascii_case("true")) {
            return Self::Aws;
        }
        set("AWS_ENDPOINT_URL_S3")
            .or_else(|| set("AWS_ENDPOINT_URL"))
            .and_then(|url| Url::parse(&url).ok())
            .filter(|url| matches!(url.scheme(), "http" | "https"))
            .map_or(Self::Aws, Self::Custom)
    }

    /// Whether no proxy may come between.
    pub(super) fn is_loopback(&self) -> bool {
        matches!(self, Self::Custom(url) if is_loopback(url))
    }

    /// The origin for a bucket, and whether it has the bucket's name in it.
    /// Names with dots do not match AWS's certificate, and a custom server
    /// need not have a name for every bucket: these go into the path.
    pub(super) fn origin(&self, bucket: &str, region: &str) -> (String, bool) {
        match self {
            Self::Custom(url) => (url.as_str().trim_end_matches('/').to_owned(), false),
            Self::Aws => {
                let china = if region.starts_with("cn-") { ".cn" } else { "" };
                let host = format!("s3.{region}.amazonaws.com{china}");
                if bucket.contains('.') {
                    (format!("https://{host}"), false)
                } else {
                    (format!("https://{bucket}.{host}"), true)
                }
            }
        }
    }

    /// The URL of a bucket.
    pub(super) fn bucket_url(&self, bucket: &str, region: &str) -> String {
        match self.origin(bucket, region) {
            (origin, true) => origin,
            (origin, false) => format!("{origin}/{bucket}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(variables: &[(&str, &str)]) -> Endpoint {
        Endpoint::from_variables(|wanted| {
            let found = variables.iter().find(|(name, _)| *name == wanted);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn the_service_goes_before_the_general_variable() {
        let both = [
            ("AWS_ENDPOINT_URL", "http://127.0.0.1:1"),
            ("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:2/"),
        ];
        assert_eq!(
            from(&both).bucket_url("lake", "us-east-1"),
            "http://127.0.0.1:2/lake"
        );
        assert!(from(&both).is_loopback());
        assert_eq!(from(&both[..1]).origin("b", "r").0, "http://127.0.0.1:1");
        let ignored = [
            both[0],
            both[1],
            ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "TRUE"),
        ];
        assert_eq!(from(&ignored), Endpoint::Aws);
        assert_eq!(from(&[("AWS_ENDPOINT_URL_S3", "ftp://x")]), Endpoint::Aws);
    }

    #[test]
    fn buckets_of_aws_have_a_host_unless_their_name_has_dots() {
        let url = |bucket, region| Endpoint::Aws.bucket_url(bucket, region);
        assert_eq!(
            url("lake", "eu-west-1"),
            "https://lake.s3.eu-west-1.amazonaws.com"
        );
        assert_eq!(
            url("my.lake", "eu-west-1"),
            "https://s3.eu-west-1.amazonaws.com/my.lake"
        );
        assert_eq!(
            url("lake", "cn-north-1"),
            "https://lake.s3.cn-north-1.amazonaws.com.cn"
        );
    }
}
