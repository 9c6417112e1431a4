//! What the OAuth server remembers: clients and codes; and sign-in tokens of the AWS console.

use std::collections::HashMap;

use super::random;

/// A registered client (RFC 7591).
#[derive(Debug, Clone)]
pub(crate) struct Client {
    pub(crate) name: String,
    pub(crate) redirect_uris: Vec<String>,
}

/// An authorization code and what it was given for.
#[derive(Debug, Clone)]
pub(crate) struct Code {
    pub(crate) client: String,
    pub(crate) redirect_uri: String,
    pub(crate) challenge: String,
    pub(crate) user: String,
}

/// A code that was redeemed before.
#[derive(Debug)]
pub(crate) struct Redeemed {
    /// The refresh token it was redeemed for, whose session dies with a second try.
    pub(crate) refresh_token: String,
}

/// Everything handed out but tokens.
#[derive(Debug, Default)]
pub(crate) struct Grants {
    clients: HashMap<String, Client>,
    codes: HashMap<String, Code>,
    redeemed: HashMap<String, String>,
    sign_ins: HashMap<String, String>,
}

impl Grants {
    pub(crate) fn register(&mut self, client: Client) -> String {
        let id = random::uuid();
        self.clients.insert(id.clone(), client);
        id
    }

    pub(crate) fn client(&self, id: &str) -> Option<&Client> {
        self.clients.get(id)
    }

    pub(crate) fn authorize(&mut self, code: Code) -> String {
        let id = random::alphanumeric(43);
        self.codes.insert(id.clone(), code);
        id
    }

    /// Takes a code: it can be redeemed once.
    pub(crate) fn redeem(&mut self, id: &str) -> Result<Code, Option<Redeemed>> {
        self.codes.remove(id).ok_or_else(|| {
            let token = self.redeemed.get(id).cloned();
            token.map(|refresh_token| Redeemed { refresh_token })
        })
    }

    pub(crate) fn redeemed(&mut self, id: &str, refresh_token: &str) {
        self.redeemed
            .insert(id.to_owned(), refresh_token.to_owned());
    }

    /// A sign-in token for the AWS console.
    pub(crate) fn sign_in(&mut self, arn: String) -> String {
        let token = random::alphanumeric(120);
        self.sign_ins.insert(token.clone(), arn);
        token
    }

    pub(crate) fn signed_in(&self, token: &str) -> Option<String> {
        self.sign_ins.get(token).cloned()
    }
}
