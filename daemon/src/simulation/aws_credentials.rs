//! AWS of the simulation: what stacks and STS give out.

use std::collections::BTreeMap;

use quilt_proto::Timestamp;
use serde_json::json;

use super::fault::Fault;
use super::stack::{Issue, LIFE, Reply, Stacks, USERS};

impl Stacks {
    pub(super) fn credentials(
        &mut self,
        site: usize,
        fault: Option<Fault>,
        bearer: Option<&str>,
        now: i64,
    ) -> Reply {
        let caller = match self.caller(site, bearer, now) {
            Ok(caller) => caller,
            Err(refusal) => return refusal,
        };
        let life = if fault == Some(Fault::Dead) { -5 } else { LIFE };
        let is_first = caller == USERS[0];
        let other = if is_first { USERS[1] } else { USERS[0] };
        let id = self.issue(Issue {
            site,
            user: if self.mixes { other } else { caller },
            version: self.active(site, caller).version,
            expires: now + life,
            arn: None,
        });
        let token = if fault == Some(Fault::Huge) {
            "x".repeat(3 << 20)
        } else {
            format!("token-of-{id}")
        };
        Reply::new(
            200,
            &json!({
                "AccessKeyId": id, "SecretAccessKey": "secretsecretsecretsecretsecretsecretsecr",
                "SessionToken": token, "Expiration": Timestamp::from_unix(now + life),
            }),
        )
    }

    fn issue(&mut self, issue: Issue) -> String {
        let id = format!("ASIASIM{:013}", self.next());
        self.issues.insert(id.clone(), issue);
        id
    }

    pub(super) fn assume_role(
        &mut self,
        fault: Option<Fault>,
        signature: Option<&str>,
        body: &[u8],
        now: i64,
    ) -> Reply {
        let form: BTreeMap<String, String> =
            url::form_urlencoded::parse(body).into_owned().collect();
        let id = signature
            .and_then(|it| it.split("Credential=").nth(1))
            .and_then(|it| it.split('/').next());
        let base = id.and_then(|id| self.issues.get(id)).cloned();
        let Some(base) = base.filter(|base| base.expires > now) else {
            let body = "<ErrorResponse><Error><Type>Sender</Type><Code>ExpiredToken</Code>\
                <Message>expired</Message></Error></ErrorResponse>";
            return Reply::new(403, body);
        };
        let asked = form.get("DurationSeconds").and_then(|it| it.parse().ok());
        let life = if fault == Some(Fault::Dead) {
            -5
        } else {
            asked.unwrap_or(LIFE)
        };
        let expires = now + life;
        let id = self.issue(Issue {
            expires,
            arn: form.get("RoleArn").cloned(),
            ..base
        });
        let expires = Timestamp::from_unix(expires);
        let body = format!(
            "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
             <AssumeRoleResult><Credentials><AccessKeyId>{id}</AccessKeyId>\
             <SecretAccessKey>secretsecretsecretsecretsecretsecretsecr</SecretAccessKey>\
             <SessionToken>token-of-{id}</SessionToken><Expiration>{expires}</Expiration>\
             </Credentials></AssumeRoleResult></AssumeRoleResponse>"
        );
        Reply::new(200, &body)
    }
}
