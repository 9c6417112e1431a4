//! Times that an answer's head tells.

use http::HeaderMap;
use http::header::{AGE, DATE, RETRY_AFTER};
use jiff::fmt::rfc2822::DateTimeParser;
use quilt_proto::Timestamp;

/// The time of an answer (RFC 9110, `Date`), with what it spent in caches on
/// the way here.
pub(super) fn date(headers: &HeaderMap) -> Option<Timestamp> {
    let text = |name| headers.get(name)?.to_str().ok();
    let date = DateTimeParser::new().parse_timestamp(text(DATE)?).ok()?;
    let age = text(AGE).and_then(|age| age.trim().parse().ok());
    Some(Timestamp::from_unix(date.as_second()).plus_seconds(age.unwrap_or(0)))
}

/// For how long whoever answers is not to be asked again, in seconds (RFC 9110,
/// section 10.2.3): a number, or a time by its own clock.
pub(super) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<u32> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(text.parse().unwrap_or(u32::MAX));
    }
    let time = DateTimeParser::new().parse_timestamp(text).ok()?;
    let seconds = time.as_second() - date(headers).unwrap_or(now).unix();
    u32::try_from(seconds.max(0)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_from_a_cache_is_as_old_as_it_says() {
        let mut headers = HeaderMap::new();
        assert_eq!(date(&headers), None);
        let of = |text: &str| text.parse().unwrap();
        headers.insert(DATE, of("Sun, 06 Nov 1994 08:49:37 GMT"));
        let fresh = date(&headers).unwrap();
        assert_eq!(fresh.to_string(), "1994-11-06T08:49:37Z");
        headers.insert(AGE, of("3600"));
        assert_eq!(date(&headers), Some(fresh.plus_seconds(3600)));
        headers.insert(DATE, of("yesterday"));
        assert_eq!(date(&headers), None);
    }

    #[test]
    fn whoever_wants_to_be_left_alone_says_for_how_long() {
        let now: Timestamp = "1994-11-06T08:49:37Z".parse().unwrap();
        let of = |pairs: &[(http::HeaderName, &str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.insert(name, value.parse().unwrap());
            }
            retry_after(&headers, now)
        };
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[(RETRY_AFTER, " 120 ")]), Some(120));
        assert_eq!(of(&[(RETRY_AFTER, "0")]), Some(0));
        let huge = "99999999999999999999";
        assert_eq!(of(&[(RETRY_AFTER, huge)]), Some(u32::MAX));
        for odd in ["", "-1", "1.5", "soon", "1 s"] {
            assert_eq!(of(&[(RETRY_AFTER, odd)]), None, "{odd}");
        }
        let later = "Sun, 06 Nov 1994 08:50:07 GMT";
        assert_eq!(of(&[(RETRY_AFTER, later)]), Some(30), "by our clock");
        let theirs = "Sun, 06 Nov 1994 08:50:00 GMT";
        let by_theirs = [(RETRY_AFTER, later), (DATE, theirs)];
        assert_eq!(of(&by_theirs), Some(7));
        let past = "Sun, 06 Nov 1994 08:00:00 GMT";
        assert_eq!(of(&[(RETRY_AFTER, past)]), Some(0));
    }
}
