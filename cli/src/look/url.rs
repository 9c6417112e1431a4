//! Addresses of pages as people are shown them.

use std::fmt::Write;

use quilt_proto::CatalogUrl;

/// A catalog as people say it: its host, and the path where it has one.
pub(crate) fn host(catalog: &CatalogUrl) -> String {
    said(catalog.as_str())
}

/// The same of a text that may be a catalog's address.
pub(crate) fn said(url: &str) -> String {
    page(url.strip_prefix("https://").unwrap_or(url))
}

/// An address whose path somebody else chose, so that it is one word and
/// nothing else when it is pasted into a shell. What means something to a
/// shell or cannot be seen is percent-encoded, which leads to the same page
/// (RFC 3986, section 2); an ampersand keeps its meaning only as it is, so the
/// address is quoted then.
pub(crate) fn page(url: &str) -> String {
    let shown = percent_encoded(url.as_bytes(), b"-._~:/?#[]@+,=%&");
    if shown.contains('&') {
        format!("'{shown}'")
    } else {
        shown
    }
}

/// Bytes of which only ASCII letters, digits and those of `kept` stay as they are.
pub(crate) fn percent_encoded(bytes: &[u8], kept: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || kept.contains(byte) {
            text.push(char::from(*byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn pages_lead_where_they_led() {
        for plain in [
            "https://demo.quilt.example/code",
            "http://[::1]:8080/a%20b?state=x",
        ] {
            assert_eq!(page(plain), plain);
        }
        assert_eq!(
            page("https://x/;$(id)`id`"),
            "https://x/%3B%24%28id%29%60id%60"
        );
        assert_eq!(page("https://x/?a=1&reboot"), "'https://x/?a=1&reboot'");
        assert_eq!(page("https://x/' ;id\n"), "https://x/%27%20%3Bid%0A");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        #[test]
        fn a_shell_reads_one_word(path in "[ -~\n\u{e9}\u{202e}]{0,30}") {
            let shown = page(&format!("https://x.example/{path}"));
            let script = format!("set -f; printf '%s\\n' {shown}");
            let output = Command::new("sh").args(["-c", &script]).output().unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            prop_assert_eq!(text.lines().count(), 1);
            prop_assert!(text.starts_with("https://x.example/"), "{}", text);
            prop_assert!(output.stderr.is_empty());
        }
    }
}
