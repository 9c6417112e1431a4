//! Objects as search documents.

use serde_json::{Value, json};

use crate::fake_stack::config::BucketAccess;
use crate::fake_stack::state::Core;

/// Bytes of an object's content that are indexed.
const INDEXED: usize = 64 * 1024;

/// One object, as the index holds it.
#[derive(Debug)]
pub(crate) struct Document {
    index: String,
    id: String,
    source: Value,
}

impl Document {
    /// A field as text; numbers are written out.
    pub(crate) fn field(&self, name: &str) -> Option<String> {
        // `key.keyword` is the same field to a store that does not analyse text.
        let name = name.strip_suffix(".keyword").unwrap_or(name);
        match name {
            "_id" => Some(self.id.clone()),
            "_index" => Some(self.index.clone()),
            name => match self.source.get(name)? {
                Value::String(text) => Some(text.clone()),
                Value::Null => None,
                other => Some(other.to_string()),
            },
        }
    }

    /// Every field that free text is looked for in.
    pub(crate) fn text(&self) -> String {
        ["key", "ext", "content", "comment"]
            .iter()
            .filter_map(|name| self.field(name))
            .collect::<Vec<_>>()
            .join("\n")
            .to_lowercase()
    }

    pub(crate) fn hit(self, score: f64, source: bool) -> Value {
        let mut hit =
            json!({"_index": self.index, "_type": "_doc", "_id": self.id, "_score": score});
        if source {
            hit["_source"] = self.source;
        }
        hit
    }
}

/// The documents of every bucket a role opens that the index expression names.
pub(crate) fn visible(core: &Core, access: &[BucketAccess], index: &str) -> Vec<Document> {
    let named: Vec<&str> = index.split(',').collect();
    let buckets = core.buckets.lock();
    let open = |name: &str| access.iter().any(|a| a.bucket == "*" || a.bucket == name);
    let asked = |name: &str| {
        named
            .iter()
            .any(|n| ["_all", "*", ""].contains(n) || *n == name)
    };
    let mut documents = Vec::new();
    for (name, bucket) in buckets.iter().filter(|(name, _)| open(name) && asked(name)) {
        for (key, version, object) in bucket.live() {
            if key.starts_with(".quilt/") {
                continue;
            }
            let indexed = &object.content[..object.content.len().min(INDEXED)];
            let file = key.rsplit('/').next().unwrap_or(key);
            let extension = file.rfind('.').map_or("", |at| &file[at..]);
            documents.push(Document {
                index: name.clone(),
                id: format!("{key}:{}", version.id),
                source: json!({
                    "key": key,
                    "ext": extension,
                    "size": object.content.len(),
                    "etag": object.etag,
                    "version_id": version.id,
                    "last_modified": version.modified.to_string(),
                    "content": std::str::from_utf8(indexed).unwrap_or_default(),
                    "comment": "",
                    "delete_marker": false,
                    "updated": version.modified.to_string(),
                }),
            });
        }
    }
    documents
}
