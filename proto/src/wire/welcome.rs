//! What a person is told after a login.

use super::Session;
use crate::quoted;
use crate::suggested_command::sentence;

impl Session {
    /// Who is logged in now and who was before, one line each, for the answer
    /// to a login. Nothing, where the daemon does not say.
    ///
    /// ```
    /// let session: quilt_proto::wire::Session = serde_json::from_str(
    ///     r#"{"catalog_url": "https://demo.quilt.example", "registry_url": null,
    ///         "login_url": null, "state": "active", "kind": "interactive",
    ///         "access_token_expires_at": null, "last_error": null, "previous_user": "bob",
    ///         "me": {"name": "alice", "email": "a@x.example", "is_admin": false,
    ///                "role": "ReadWrite", "roles": ["ReadWrite"]}}"#,
    /// ).unwrap();
    /// assert_eq!(session.welcome(), [
    ///     "Logged in to demo.quilt.example as alice (role ReadWrite).",
    ///     "Before, bob was logged in there.",
    /// ]);
    /// ```
    pub fn welcome(&self) -> Vec<String> {
        let place = self.catalog_url.without_scheme();
        let mut lines = Vec::new();
        if let Some(me) = &self.me {
            let role = me.role.as_deref().map(quoted::name);
            let role = role.map_or_else(|| "no role".to_owned(), |role| format!("role {role}"));
            let name = quoted::name(&me.name);
            let admin = if me.is_admin { ", admin" } else { "" };
            lines.push(format!("Logged in to {place} as {name} ({role}{admin})."));
        }
        if let Some(why) = &self.me_error {
            let what = format!("Logged in to {place}. Whose login it is could not be asked: {why}");
            lines.push(sentence(&what, Some(&"quiltctl whoami".into())));
        }
        if let Some(previous) = self.previous_user.as_deref().map(quoted::name) {
            lines.push(format!("Before, {previous} was logged in there."));
        }
        if self.configured {
            lines.push(format!("{} is the default catalog now.", self.catalog_url));
        }
        lines
    }
}
