//! The few web pages a person sees.

use axum::response::Html;

use super::aws::xml::html;
use super::identity::users::User;

const STYLE: &str = ":root{color-scheme:light dark;--paper:#eef1f5;--card:#fff;--ink:#1b2430;\
    --quiet:#5b6675;--line:#d5dbe3}\
    @media(prefers-color-scheme:dark){:root{--paper:#12161c;--card:#1b212a;--ink:#e8ecf1;\
    --quiet:#9aa5b4;--line:#333c48}}\
    *{box-sizing:border-box}\
    body{margin:0;min-height:100vh;display:grid;place-items:center;padding:1.5rem;\
    background:var(--paper);color:var(--ink);font:17px/1.5 system-ui,sans-serif}\
    main{width:100%;max-width:28rem;padding:2rem;background:var(--card);\
    border:1px solid var(--line);border-radius:12px}\
    h1{margin:0 0 .5rem;font-size:1.5rem;line-height:1.25}p{margin:.6rem 0}\
    button{display:block;width:100%;padding:.7rem 1rem;text-align:left;cursor:pointer;\
    font:inherit;font-weight:600;color:inherit;background:var(--paper);\
    border:1px solid var(--line);border-radius:8px}\
    button:hover,button:focus-visible{border-color:currentColor}\
    button small{display:block;font-weight:400;color:var(--quiet)}\
    code{display:block;padding:.6rem .8rem;background:var(--paper);\
    border:1px solid var(--line);border-radius:8px;font-size:15px;overflow-wrap:anywhere;\
    user-select:all}\
    @media(max-width:30rem){body{padding:0;place-items:start stretch;background:var(--card)}\
    main{border:0;border-radius:0;padding:1.5rem}}";

/// A page around ready-made content.
pub(crate) fn page(title: &str, content: &str) -> Html<String> {
    let title = html(title);
    Html(format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"referrer\" content=\"no-referrer\"><title>{title}</title>\
         <style>{STYLE}</style></head><body><main><h1>{title}</h1>{content}</main></body></html>"
    ))
}

/// A form with one button for each user; `hidden` fields go with whichever is pressed.
pub(crate) fn user_form<'a>(
    action: &str,
    users: impl Iterator<Item = &'a User>,
    hidden: &[(&str, &str)],
) -> String {
    let mut form = format!("<form method=\"post\" action=\"{}\">", html(action));
    form.extend(hidden.iter().map(|(name, value)| hidden_field(name, value)));
    form.extend(users.map(user_button));
    form + "</form>"
}

fn hidden_field(name: &str, value: &str) -> String {
    let (name, value) = (html(name), html(value));
    format!("<input type=\"hidden\" name=\"{name}\" value=\"{value}\">")
}

fn user_button(user: &User) -> String {
    let (name, email) = (html(&user.name), html(&user.email));
    let admin = if user.admin { ", admin" } else { "" };
    format!(
        "<p><button type=\"submit\" name=\"user\" value=\"{name}\" id=\"user-{name}\">\
         {name}<small>{email}{admin}</small></button></p>"
    )
}
