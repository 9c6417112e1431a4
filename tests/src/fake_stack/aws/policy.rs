//! Session policies, as far as they say something about whole buckets.

use serde::Deserialize;

use crate::fake_stack::config::BucketAccess;

/// A policy that is not one.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the policy is not in the valid JSON format")]
pub(crate) struct Malformed;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Document {
    statement: OneOrMany<Statement>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Statement {
    effect: Effect,
    action: OneOrMany<String>,
    resource: OneOrMany<String>,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
enum Effect {
    Allow,
    Deny,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum OneOrMany<T> {
    One(T),
    Many(Vec<T>),
}

impl<T> OneOrMany<T> {
    fn as_slice(&self) -> &[T] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        }
    }
}

/// The bucket access a session policy leaves open.
pub(crate) fn parse(policy: &str) -> Result<Vec<BucketAccess>, Malformed> {
    let document: Document = serde_json::from_str(policy).map_err(|_| Malformed)?;
    let statements = document.statement.as_slice();
    let mut access = Vec::new();
    for statement in statements
        .iter()
        .filter(|statement| statement.effect == Effect::Allow)
    {
        let actions = statement.action.as_slice();
        let read = actions
            .iter()
            .any(|action| matches_any(action, &["Get", "List", "Head"]));
        let write = actions
            .iter()
            .any(|action| matches_any(action, &["Put", "Delete"]));
        if read || write {
            access.extend(buckets(statement).map(|bucket| BucketAccess { bucket, write }));
        }
    }
    for statement in statements
        .iter()
        .filter(|statement| statement.effect == Effect::Deny)
    {
        let denied: Vec<_> = buckets(statement).collect();
        access.retain(|open| {
            !denied
                .iter()
                .any(|bucket| bucket == "*" || *bucket == open.bucket)
        });
    }
    Ok(access)
}

fn matches_any(action: &str, verbs: &[&str]) -> bool {
    let Some(verb) = action.strip_prefix("s3:") else {
        return action == "*";
    };
    verb.starts_with('*') || verbs.iter().any(|prefix| verb.starts_with(prefix))
}

fn buckets(statement: &Statement) -> impl Iterator<Item = String> {
    statement.resource.as_slice().iter().filter_map(|resource| {
        let name = if resource == "*" {
            "*"
        } else {
            resource.strip_prefix("arn:aws:s3:::")?
        };
        name.split('/').next().map(str::to_owned)
    })
}

/// What a managed policy of AWS opens; nothing for one the stack does not know.
pub(crate) fn managed(arn: &str) -> Option<BucketAccess> {
    match arn.strip_prefix("arn:aws:iam::aws:policy/")? {
        "AmazonS3ReadOnlyAccess" => Some(BucketAccess::read("*")),
        "AmazonS3FullAccess" | "AdministratorAccess" => Some(BucketAccess::read_write("*")),
        _ => None,
    }
}

/// What two sets of permissions both open.
pub(crate) fn intersection(one: &[BucketAccess], other: &[BucketAccess]) -> Vec<BucketAccess> {
    let mut both = Vec::new();
    for a in one {
        for b in other {
            let bucket = match (a.bucket.as_str(), b.bucket.as_str()) {
                ("*", name) | (name, "*") => name,
                (a, b) if a == b => a,
                _ => continue,
            };
            both.push(BucketAccess {
                bucket: bucket.to_owned(),
                write: a.write && b.write,
            });
        }
    }
    both
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_opens_the_buckets_it_names() {
        let policy = r#"{"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": ["s3:GetObject", "s3:ListBucket"],
             "Resource": ["arn:aws:s3:::one", "arn:aws:s3:::one/*"]},
            {"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::two/*"},
            {"Effect": "Deny", "Action": "s3:*", "Resource": "arn:aws:s3:::three"}]}"#;
        let access = parse(policy).unwrap();
        assert!(access.contains(&BucketAccess::read("one")));
        assert!(access.contains(&BucketAccess::read_write("two")));
        assert_eq!(parse("{}"), Err(Malformed));
        assert_eq!(parse("no"), Err(Malformed));
    }

    #[test]
    fn narrowing_never_widens() {
        let role = [BucketAccess::read_write("one"), BucketAccess::read("two")];
        let policy = [
            BucketAccess::read_write("two"),
            BucketAccess::read_write("three"),
        ];
        assert_eq!(intersection(&role, &policy), [BucketAccess::read("two")]);
        let all = [BucketAccess::read("*")];
        assert_eq!(
            intersection(&role, &all),
            [BucketAccess::read("one"), BucketAccess::read("two")]
        );
    }
}
