//! Where S3 answers.

use quilt_proto::Partition;
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
    /// The origin for a bucket, and whether it has the bucket's name in it.
    /// Names with dots do not match AWS's certificate, and a custom server
    /// need not have a name for every bucket: these go into the path.
    pub(super) fn origin(&self, bucket: &str, region: &str) -> (String, bool) {
        match self {
            Self::Custom(url) => (url.as_str().trim_end_matches('/').to_owned(), false),
            Self::Aws => {
                let domain = Partition::of_region(region).services_domain();
                let host = format!("s3.{region}.{domain}");
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

    #[test]
    fn one_server_for_all_has_them_in_the_path() {
        let custom = Endpoint::Custom("http://127.0.0.1:2/".parse().unwrap());
        assert_eq!(
            custom.bucket_url("lake", "us-east-1"),
            "http://127.0.0.1:2/lake"
        );
        assert_eq!(custom.origin("b", "r").0, "http://127.0.0.1:2");
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
