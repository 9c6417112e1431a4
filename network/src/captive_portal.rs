//! Answers of something on the way: a captive portal, a firewall or a proxy that
//! answers in place of whoever was asked. Nowhere else is that decided.

use crate::Failure;

/// What answered in place of whoever was asked, if something did.
pub fn intercepted(status: u16, is_page: bool) -> Option<Failure> {
    match status {
        407 => Some(Failure::ProxyPassword(None)),
        // Network Authentication Required (RFC 6585, section 6).
        511 => Some(Failure::CaptivePortal),
        200..300 if is_page => Some(Failure::CaptivePortal),
        _ if is_page => Some(Failure::FirewallPage(status)),
        _ => None,
    }
}

/// Whether a body is a web page, which no service of a stack or of AWS sends.
/// What calls itself one and is JSON, or XML of AWS's kind, is none.
pub fn is_page(content_type: Option<&str>, body: &[u8]) -> bool {
    let start = body.trim_ascii_start();
    let start = String::from_utf8_lossy(&start[..start.len().min(BEGINNING)]).to_ascii_lowercase();
    let begins = |with: &[&str]| with.iter().any(|text| start.starts_with(text));
    if begins(&["{", "["]) {
        return false;
    }
    let is_html = start.contains("<!doctype html") || start.contains("<html");
    let says = content_type.map(|it| it.trim_start().to_ascii_lowercase());
    let says_html = says.is_some_and(|it| it.starts_with("text/html"));
    is_html || says_html && !begins(&["<?xml", "<error"])
}

/// As much of a body as tells what it is, in bytes.
const BEGINNING: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_told_from_answers() {
        assert!(is_page(Some("text/html; charset=utf-8"), b"x"));
        assert!(is_page(None, b"\n <!DOCTYPE HTML><html>"));
        assert!(!is_page(Some("application/json"), b"{\"a\":\"<html\"}"));
        assert!(!is_page(None, b"<?xml version=\"1.0\"?><Error/>"));
        // As a stand-in for AWS says it.
        assert!(!is_page(
            Some("text/html"),
            b"<ErrorResponse><Error/></ErrorResponse>"
        ));
        assert!(is_page(
            None,
            b"<?xml version=\"1.0\"?>\n<!DOCTYPE html PUBLIC>"
        ));
    }

    #[test]
    fn who_answers_in_place_of_whoever_was_asked_is_told() {
        let portal = Some(Failure::CaptivePortal);
        assert_eq!(intercepted(200, true), portal);
        assert_eq!(intercepted(511, false), portal);
        assert_eq!(intercepted(403, true), Some(Failure::FirewallPage(403)));
        assert_eq!(intercepted(407, false), Some(Failure::ProxyPassword(None)));
        assert_eq!(intercepted(200, false), None);
        assert_eq!(intercepted(403, false), None);
    }
}
