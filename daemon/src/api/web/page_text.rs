//! What the browser shows at the end of a login: one page, whatever it says.
//! Nothing of the request is in it, and what others named is escaped.

mod markup;

use std::fmt::Write;
use std::sync::LazyLock;

use axum::response::{IntoResponse, Response};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use http::{HeaderValue, StatusCode, header};
use quilt_proto::suggested_command::Command;
use quilt_proto::wire::Session as Answer;
use quilt_proto::{Problem, quoted};
use sha2::{Digest, Sha256};

use self::markup::STYLE;

/// What is said of the terminal, at the end of each page.
const RETURN: &str = "Return to the terminal. You can close this page.";

/// A page's content.
#[derive(Debug, Default)]
pub(super) struct Page {
    tone: Tone,
    title: &'static str,
    /// In sentences.
    text: Vec<String>,
    /// What is so now: a word for it, and what it is.
    facts: Vec<(&'static str, String)>,
    /// What to do next, and the command for it.
    next: Option<(&'static str, String)>,
    /// What else there is to know.
    remark: &'static str,
}

/// How it went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Tone {
    Good,
    #[default]
    Bad,
}

impl Page {
    /// After a login: who is logged in where.
    pub(super) fn done(session: &Answer) -> Self {
        let place = session.catalog_url.without_scheme();
        let mut facts = vec![("Catalog", place.to_owned())];
        if let Some(me) = &session.me {
            facts.push(("You are", quoted::name(&me.name).to_string()));
            let role = me.role.as_deref().map(quoted::name);
            let role = role.map_or_else(|| "none".to_owned(), |role| role.to_string());
            facts.push(("Role", role));
        }
        if let Some(before) = session.previous_user.as_deref() {
            facts.push(("Before", quoted::name(before).to_string()));
        }
        let found = session.findings.first();
        Self {
            tone: Tone::Good,
            title: "You are logged in",
            text: found
                .map(|found| capital(&found.summary))
                .into_iter()
                .collect(),
            facts,
            next: found.map(|found| ("So that this login counts:", found.hint.to_string())),
            remark: RETURN,
        }
    }

    /// After a login that did not come about: why, and what to do.
    pub(super) fn failed(problem: &Problem) -> Self {
        Self {
            title: "The login failed",
            text: vec![
                capital(&problem.detail),
                "Nothing of it was kept.".to_owned(),
            ],
            next: problem
                .hint
                .as_ref()
                .map(|hint| ("In the terminal:", hint.to_string())),
            remark: RETURN,
            ..Self::default()
        }
    }

    /// For anything but what a login under way is waiting for.
    pub(super) fn refused() -> Self {
        Self {
            title: "Nothing to see here",
            text: vec![
                "This is no part of a login that is under way. Nothing was changed.".to_owned(),
                "That is so for a page that was reloaded, for an address that was typed or \
                 followed from elsewhere, and where another login was begun meanwhile."
                    .to_owned(),
            ],
            remark: "Return to the terminal: it says how the login stands.",
            ..Self::default()
        }
    }

    /// For the pages of a login that has ended.
    pub(super) fn over() -> Self {
        Self {
            title: "This login is over",
            text: vec!["It ended, well or not, or another one took its place.".to_owned()],
            next: Some((
                "Who is logged in now, in the terminal:",
                "quiltctl status".to_owned(),
            )),
            remark: RETURN,
            ..Self::default()
        }
    }

    /// For a browser of which the system does not tell whose it is.
    fn unknown() -> Self {
        Self {
            title: "Not from this browser",
            text: vec![
                "The system does not tell whose browser this is, so this login could be \
                 another user's: it was refused."
                    .to_owned(),
                "That is so where a browser is outside of the virtual machine or container in \
                 which quiltctl runs."
                    .to_owned(),
            ],
            next: Some((
                "Log in with a code instead: stop the command that waits, and run",
                Command::of("quiltctl login").to_string(),
            )),
            ..Self::default()
        }
    }

    fn html(&self) -> String {
        let mark = match self.tone {
            Tone::Good => ("good", "✓"),
            Tone::Bad => ("bad", "✗"),
        };
        markup::document(self, mark)
    }
}

/// A sentence of ours as it begins on a page.
fn capital(sentence: &str) -> String {
    let mut rest = sentence.chars();
    let first = rest.next().map(char::to_uppercase);
    let sentence: String = first.into_iter().flatten().chain(rest).collect();
    if sentence.ends_with(['.', '”', '!', '?']) {
        sentence
    } else {
        sentence + "."
    }
}

/// Nothing is loaded, sent, framed, kept or told to anyone; the one style
/// sheet there is, is ours.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let style = BASE64_STANDARD.encode(Sha256::digest(STYLE));
    format!(
        "default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'; sandbox"
    )
});

/// The other headers.
const HEADERS: [(header::HeaderName, &str); 8] = [
    (header::CONTENT_TYPE, "text/html; charset=utf-8"),
    (header::CACHE_CONTROL, "no-store"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (
        header::HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
    (
        // A page that opened this one has no hold of its window.
        header::HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (header::CONNECTION, "close"),
];

/// A page as the browser gets it.
pub(super) fn page(status: StatusCode, page: &Page) -> Response {
    with_headers(status, page.html())
}

/// Leads on to a page of the stack's. One that HTTP cannot carry is refused.
pub(super) fn lead_on(to: &str) -> Response {
    let Ok(to) = HeaderValue::from_str(to) else {
        return page(StatusCode::INTERNAL_SERVER_ERROR, &Page::refused());
    };
    let led_on = with_headers(StatusCode::SEE_OTHER, String::new());
    ([(header::LOCATION, to)], led_on).into_response()
}

/// The whole answer to a browser of nobody the system tells, as it is sent.
pub(super) fn to_unknown() -> Vec<u8> {
    let body = Page::unknown().html();
    let mut answer = "HTTP/1.1 403 Forbidden\r\n".to_owned();
    let policy = (header::CONTENT_SECURITY_POLICY, POLICY.as_str());
    for (name, value) in HEADERS.into_iter().chain([policy]) {
        // Writing to a String cannot fail.
        let _ = write!(answer, "{name}: {value}\r\n");
    }
    let _ = write!(answer, "content-length: {}\r\n\r\n{body}", body.len());
    answer.into_bytes()
}

fn with_headers(status: StatusCode, body: String) -> Response {
    let policy = [(header::CONTENT_SECURITY_POLICY, POLICY.as_str())];
    (status, HEADERS, policy, body).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(name: &str) -> Answer {
        serde_json::from_value(serde_json::json!({
            "catalog_url": "https://demo.quilt.example", "registry_url": null, "login_url": null,
            "state": "active", "kind": "interactive", "access_token_expires_at": null,
            "last_error": null, "previous_user": "b&b",
            "me": {"name": name, "email": "", "is_admin": false, "role": "Read<i>", "roles": []}
        }))
        .unwrap()
    }

    #[test]
    fn a_page_says_who_is_logged_in_where_and_what_to_do() {
        let page = Page::done(&session("alice")).html();
        for text in [
            "You are logged in",
            "demo.quilt.example",
            "alice",
            "Return to the terminal",
        ] {
            assert!(page.contains(text), "{text}: {page}");
        }
    }

    #[test]
    fn names_are_text_and_no_markup() {
        let page = Page::done(&session("<script>alert(\"1\")</script>'")).html();
        assert!(page.contains("&lt;script&gt;"), "{page}");
        assert!(
            page.contains("Read&lt;i&gt;") && page.contains("b&amp;b"),
            "{page}"
        );
        for markup in ["<script", "<i>", "alert(\"1"] {
            assert!(!page.contains(markup), "{markup}: {page}");
        }
    }

    #[test]
    fn a_failure_is_in_words_and_says_what_to_run() {
        let code = quilt_proto::ErrorCode::StackRefused;
        let problem = Problem::new(403, code, "the stack refused: “<b>no</b>”");
        let page = Page::failed(&problem.with_hint("quiltctl login --web")).html();
        assert!(
            page.contains("<p>The stack refused: “&lt;b&gt;no&lt;/b&gt;”</p>"),
            "{page}"
        );
        assert!(page.contains("<code>quiltctl login --web</code>"), "{page}");
    }

    #[test]
    fn nothing_is_loaded_and_nothing_runs() {
        let problem = Problem::new(500, quilt_proto::ErrorCode::Internal, "it failed");
        for page in [
            Page::done(&session("alice")),
            Page::failed(&problem),
            Page::refused(),
            Page::over(),
            Page::unknown(),
        ] {
            let text = page.html();
            for outside in [
                "<script", "http", "src=", "href=", "url(", "@import", "style=",
            ] {
                assert!(!text.contains(outside), "{outside}: {text}");
            }
            // The one style sheet is the one the policy lets in.
            let style = text.split("<style>").nth(1).unwrap();
            let style = style.split("</style>").next().unwrap();
            let hash = BASE64_STANDARD.encode(Sha256::digest(style));
            assert!(POLICY.contains(&format!("'sha256-{hash}'")), "{}", *POLICY);
            assert!(text.contains("viewport"));
        }
    }
}
