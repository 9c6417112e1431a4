//! Which requests to a page on loopback are a browser's whose user, or the
//! stack, sent it there: not those of scripts, images or frames of other pages,
//! not those made ahead, and none to a name that was made to lead here.

/// The most bytes of such a request. Cookies know no ports: a browser brings all
/// that any server on this address, another user's perhaps, has ever set, some
/// 180 of 4 KiB each.
pub const MAX_HEAD: usize = 1024 * 1024;

/// The most headers of one.
pub const MAX_HEADERS: usize = 64;

/// What a browser says of a request that nobody made yet.
const AHEAD: [&str; 3] = ["purpose", "sec-purpose", "x-moz"];

/// Judges a request by its method and headers. `host` is the authority that it
/// has to name.
pub fn is_navigation<'a>(
    method: &str,
    headers: impl IntoIterator<Item = (&'a str, &'a [u8])>,
    host: &str,
) -> bool {
    let mut hosts = 0;
    let is_fine = headers.into_iter().all(|(name, value)| {
        let name = name.to_ascii_lowercase();
        match name.as_str() {
            "host" => {
                hosts += 1;
                value == host.as_bytes()
            }
            "sec-fetch-mode" => value == b"navigate",
            "sec-fetch-dest" => value == b"document",
            "origin" => false,
            name => !AHEAD.contains(&name),
        }
    });
    method == "GET" && is_fine && hosts == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_navigation_gets_in() {
        let asked = |method: &str, pairs: &[(&str, &str)]| {
            let headers = pairs.iter().map(|(name, value)| (*name, value.as_bytes()));
            is_navigation(method, headers, "127.0.0.1:9")
        };
        let verdict = |pairs: &[(&str, &str)]| asked("GET", pairs);
        let host = ("Host", "127.0.0.1:9");
        let dest = ("sec-fetch-dest", "document");
        let mode = ("sec-fetch-mode", "navigate");
        assert!(verdict(&[host]));
        assert!(verdict(&[host, mode, dest, ("cookie", "of=others")]));
        assert!(!asked("POST", &[host]) && !asked("HEAD", &[host]));
        for bad in [
            &[] as &[(&str, &str)],
            &[host, host],
            &[("host", "evil.example:9")],
            &[("host", "127.0.0.1")],
            &[host, ("host", "evil.example")],
            &[host, ("Origin", "null")],
            &[host, ("Sec-Fetch-Mode", "no-cors")],
            &[host, mode, ("sec-fetch-dest", "iframe")],
            &[host, mode, ("sec-fetch-dest", "image")],
            &[host, mode, dest, ("sec-purpose", "prefetch;prerender")],
            &[host, ("Purpose", "prefetch")],
            &[host, ("X-Moz", "prefetch")],
        ] {
            assert!(!verdict(bad), "{bad:?}");
        }
    }
}
