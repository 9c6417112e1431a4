//! Which buckets there are.

use quilt_proto::wire::Bucket;
use serde_json::{Value, json};

use super::graphql::{Operation, operation, take};
use super::me::LONGEST_NAME;
use super::{RegistryClient, StackError};

/// The most buckets of a catalog.
const MOST: usize = 10_000;

const BUCKETS: Operation = operation!("buckets", "buckets.graphql");

/// The buckets that the stack shows the user, by name.
pub async fn list(registry: RegistryClient<'_>) -> Result<Vec<Bucket>, StackError> {
    let mut data = registry.graphql(&BUCKETS, json!({})).await?;
    let listed = read(take(&mut data, "bucketConfigs"));
    listed.ok_or_else(|| registry.invalid("its list of buckets is none"))
}

/// A bucket whose title is its name has no other one.
fn read(listed: Value) -> Option<Vec<Bucket>> {
    let mut buckets: Vec<Bucket> = serde_json::from_value(listed).ok()?;
    if buckets.len() > MOST {
        return None;
    }
    for bucket in &mut buckets {
        let name = &bucket.name;
        let is_name = |text: &str| !text.is_empty() && text.len() <= LONGEST_NAME;
        if !is_name(name) {
            return None;
        }
        bucket.title = bucket
            .title
            .take()
            .filter(|title| is_name(title) && title != name);
    }
    buckets.sort_by(|one, other| one.name.cmp(&other.name));
    Some(buckets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_buckets_is_one_or_none() {
        let names = |listed: Value| {
            let read = read(listed)?.into_iter();
            Some(read.map(|it| (it.name, it.title)).collect::<Vec<_>>())
        };
        let listed = json!([
            {"name": "b", "title": "The bucket", "more": 1},
            {"name": "a", "title": "a"},
            {"name": "c", "title": null},
            {"name": "d", "title": "x".repeat(LONGEST_NAME + 1)},
        ]);
        let untitled = |name: &str| (name.to_owned(), None);
        let titled = ("b".to_owned(), Some("The bucket".to_owned()));
        let all = vec![untitled("a"), titled, untitled("c"), untitled("d")];
        assert_eq!(names(listed), Some(all));
        assert_eq!(names(json!([])), Some(Vec::new()));
        for bad in [
            json!(null),
            json!({}),
            json!([{"title": "x"}]),
            json!([{"name": ""}]),
            json!([{"name": 1}]),
            json!([{"name": "x".repeat(LONGEST_NAME + 1)}]),
            json!(vec![json!({"name": "a"}); MOST + 1]),
        ] {
            assert_eq!(names(bad), None);
        }
    }
}
