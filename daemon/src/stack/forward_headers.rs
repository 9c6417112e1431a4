//! The gateway's headers: which of a request go upstream, and which of an answer
//! come back.

use http::{HeaderMap, HeaderName, header};

/// What of a request goes upstream: what is about its body and the answer's
/// form, and what program it is. Everything else stays behind: who asks, for
/// whom, from where and by which way is for the daemon alone to say.
const UPSTREAM: [HeaderName; 5] = [
    header::ACCEPT,
    header::ACCEPT_ENCODING,
    header::ACCEPT_LANGUAGE,
    header::CONTENT_TYPE,
    header::USER_AGENT,
];

/// What of an answer comes back: what is about its body, and when to try again.
/// Nothing that binds a client to the registry, leads it elsewhere, or opens
/// the answer to web pages.
const DOWNSTREAM: [HeaderName; 10] = [
    header::CONTENT_DISPOSITION,
    header::CONTENT_ENCODING,
    header::CONTENT_LANGUAGE,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::DATE,
    header::ETAG,
    header::LAST_MODIFIED,
    header::RETRY_AFTER,
    HeaderName::from_static("x-request-id"),
];

/// The headers of a request that go upstream.
pub(super) fn upstream(headers: &HeaderMap) -> HeaderMap {
    only(&UPSTREAM, headers)
}

/// The headers of an answer that come back.
pub(super) fn downstream(headers: &HeaderMap) -> HeaderMap {
    only(&DOWNSTREAM, headers)
}

/// Whether a body is something else than it looks like, and cannot be looked
/// into.
pub fn is_encoded(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(header::CONTENT_ENCODING).iter();
    codings.any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"))
}

/// The headers of these names, all their values.
fn only(names: &[HeaderName], headers: &HeaderMap) -> HeaderMap {
    let mut kept = HeaderMap::new();
    for name in names {
        for value in headers.get_all(name) {
            kept.append(name, value.clone());
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn headers_of_no_use_stay_behind() {
        let mut headers = HeaderMap::new();
        for name in [
            "accept",
            "connection",
            "content-type",
            "forwarded",
            "location",
            "set-cookie",
            "transfer-encoding",
            "x-forwarded-for",
        ] {
            headers.insert(name, HeaderValue::from_static("content-type"));
        }
        let names = |left: HeaderMap| left.keys().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(names(upstream(&headers)), ["accept", "content-type"]);
        assert_eq!(names(downstream(&headers)), ["content-type"]);
    }

    #[test]
    fn encoded_bodies_are_told() {
        for (codings, encoded) in [
            (&["gzip"][..], true),
            (&["identity", "br"], true),
            (&["identity, gzip"], true),
            (&["Identity"], false),
            (&[], false),
        ] {
            let mut headers = HeaderMap::new();
            for coding in codings {
                let coding = HeaderValue::from_static(coding);
                headers.append(header::CONTENT_ENCODING, coding);
            }
            assert_eq!(is_encoded(&headers), encoded, "{codings:?}");
        }
    }
}
