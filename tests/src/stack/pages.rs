//! The few web pages a person sees.

use axum::response::Html;

use super::aws::xml::html;
use super::identity::users::User;

const STYLE: &str = ":root{color-scheme:light dark}\
    body{font:16px/1.5 system-ui,sans-serif;max-width:40rem;margin:4rem auto;padding:0 1rem}\
    h1{line-height:1.2}\
    button{font:inherit;padding:.4rem 1rem;margin:.2rem 0}\
    code{background:rgba(127,127,127,.2);padding:.2rem .4rem;overflow-wrap:anywhere;\
    user-select:all}";

/// A page around ready-made content.
pub(crate) fn page(title: &str, content: &str) -> Html<String> {
    let title = html(title);
    Html(format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"referrer\" content=\"no-referrer\"><title>{title}</title>\
         <style>{STYLE}</style></head><body><h1>{title}</h1>{content}</body></html>"
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
         {name}</button> {email}{admin}</p>"
    )
}
