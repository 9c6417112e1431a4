//! How a page is written.

use std::borrow::Cow;
use std::fmt::Write;

use super::Page;

/// The one style sheet: light and dark, wide and narrow.
pub(super) const STYLE: &str = include_str!("style.css");

/// Four patches, sewn together.
const LOGO: &str = "<svg viewBox=\"0 0 24 24\" aria-hidden=\"true\">\
    <rect x=\"1\" y=\"1\" width=\"10\" height=\"10\" rx=\"2\" fill=\"#2d6cdf\"/>\
    <rect x=\"13\" y=\"1\" width=\"10\" height=\"10\" rx=\"2\" fill=\"#f2a33a\"/>\
    <rect x=\"1\" y=\"13\" width=\"10\" height=\"10\" rx=\"2\" fill=\"#e0604c\"/>\
    <rect x=\"13\" y=\"13\" width=\"10\" height=\"10\" rx=\"2\" fill=\"#35a07a\"/></svg>";

/// The whole page; `mark` is its class, and the sign before its title.
pub(super) fn document(page: &Page, (class, sign): (&str, &str)) -> String {
    let title = html(page.title);
    let mut text = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>{title} · quiltd</title><style>{STYLE}</style></head>\
         <body><main class=\"{class}\"><p class=\"brand\">{LOGO}quiltd</p>\
         <h1><span aria-hidden=\"true\">{sign}</span>{title}</h1>"
    );
    for sentence in &page.text {
        // Writing to a String cannot fail.
        let _ = write!(text, "<p>{}</p>", html(sentence));
    }
    if !page.facts.is_empty() {
        text.push_str("<dl>");
        for (word, fact) in &page.facts {
            let _ = write!(text, "<dt>{word}</dt><dd>{}</dd>", html(fact));
        }
        text.push_str("</dl>");
    }
    if let Some((what, command)) = &page.next {
        let (what, command) = (html(what), html(command));
        let _ = write!(text, "<p class=\"next\">{what}</p><code>{command}</code>");
    }
    if !page.remark.is_empty() {
        let _ = write!(text, "<p class=\"next\">{}</p>", html(page.remark));
    }
    text + "</main></body></html>"
}

/// Text that a browser takes for text.
pub(super) fn html(text: &str) -> Cow<'_, str> {
    quick_xml::escape::escape(text)
}
