//! Buckets, objects and their versions.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use s3s::dto::{Checksum, Metadata};

use super::checksums::{self, Algorithm};
use super::uploads::Uploads;
use crate::fake_stack::config::BucketConfig;
use crate::fake_stack::random;

/// What is stored under one version of a key.
#[derive(Debug)]
pub(crate) struct Object {
    pub(crate) content: Bytes,
    pub(crate) etag: String,
    pub(crate) content_type: Option<String>,
    pub(crate) metadata: Option<Metadata>,
    pub(crate) checksum: Checksum,
}

impl Object {
    /// An object with S3's default checksum.
    pub(crate) fn new(content: Bytes) -> Self {
        Self {
            etag: checksums::md5_hex(&content),
            checksum: Algorithm::Crc64Nvme.compute(&content),
            content,
            content_type: None,
            metadata: None,
        }
    }
}

/// One version of a key; without an object it is a delete marker.
#[derive(Debug, Clone)]
pub(crate) struct Version {
    /// `null` in a bucket without versioning.
    pub(crate) id: String,
    pub(crate) modified: Timestamp,
    pub(crate) object: Option<Arc<Object>>,
}

#[derive(Debug)]
pub(crate) struct Bucket {
    pub(crate) created: Timestamp,
    pub(crate) versioned: bool,
    /// Versions of each key, newest last; never empty.
    keys: BTreeMap<String, Vec<Version>>,
    pub(crate) uploads: Uploads,
}

/// Every bucket.
#[derive(Debug, Default)]
pub(crate) struct Buckets(BTreeMap<String, Bucket>);

/// What a deletion did.
#[derive(Debug, Default)]
pub(crate) struct Deleted {
    pub(crate) version_id: Option<String>,
    pub(crate) delete_marker: bool,
}

impl Buckets {
    pub(crate) fn new(buckets: &[BucketConfig], now: Timestamp) -> Self {
        let mut all = Self::default();
        for config in buckets {
            let bucket = all.create(&config.name, config.versioned, now);
            for (key, content) in &config.objects {
                let mut object = Object::new(content.clone());
                object.content_type = Some(content_type(key).to_owned());
                bucket.put(key, object, now);
            }
        }
        all
    }

    /// The bucket of this name, created if need be.
    pub(crate) fn create(&mut self, name: &str, versioned: bool, now: Timestamp) -> &mut Bucket {
        self.0.entry(name.to_owned()).or_insert_with(|| Bucket {
            created: now,
            versioned,
            keys: BTreeMap::new(),
            uploads: Uploads::default(),
        })
    }

    pub(crate) fn exists(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Bucket> {
        self.0.get(name)
    }

    pub(crate) fn get_mut(&mut self, name: &str) -> Option<&mut Bucket> {
        self.0.get_mut(name)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&String, &Bucket)> {
        self.0.iter()
    }
}

impl Bucket {
    /// Stores an object and returns its version id, where versions are kept.
    pub(crate) fn put(&mut self, key: &str, object: Object, now: Timestamp) -> Option<String> {
        self.push(key, Some(Arc::new(object)), now)
    }

    fn push(&mut self, key: &str, object: Option<Arc<Object>>, now: Timestamp) -> Option<String> {
        let versions = self.keys.entry(key.to_owned()).or_default();
        let id = if self.versioned {
            random::alphanumeric(32)
        } else {
            versions.clear();
            "null".to_owned()
        };
        versions.push(Version {
            id: id.clone(),
            modified: now,
            object,
        });
        self.versioned.then_some(id)
    }

    /// Removes a version for good, or hides the key behind a delete marker.
    pub(crate) fn delete(&mut self, key: &str, version: Option<&str>, now: Timestamp) -> Deleted {
        let Some(id) = version else {
            if self.versioned {
                let version_id = self.push(key, None, now);
                return Deleted {
                    version_id,
                    delete_marker: true,
                };
            }
            self.keys.remove(key);
            return Deleted::default();
        };
        let mut deleted = Deleted {
            version_id: Some(id.to_owned()),
            delete_marker: false,
        };
        if let Some(versions) = self.keys.get_mut(key) {
            let is_marker = |v: &Version| v.id == id && v.object.is_none();
            deleted.delete_marker = versions.iter().any(is_marker);
            versions.retain(|version| version.id != id);
            if versions.is_empty() {
                self.keys.remove(key);
            }
        }
        deleted
    }

    /// One version of a key, by default the newest; it may be a delete marker.
    pub(crate) fn version(&self, key: &str, id: Option<&str>) -> Option<&Version> {
        let versions = self.keys.get(key)?;
        match id {
            None => versions.last(),
            Some(id) => versions.iter().find(|version| version.id == id),
        }
    }

    /// Every key that is not deleted, in order.
    pub(crate) fn live(&self) -> impl Iterator<Item = (&str, &Version, &Arc<Object>)> {
        self.live_from("")
    }

    /// Every key from this one on that is not deleted, in order.
    pub(crate) fn live_from(
        &self,
        start: &str,
    ) -> impl Iterator<Item = (&str, &Version, &Arc<Object>)> {
        let keys = self
            .keys
            .range::<str, _>((Bound::Included(start), Bound::Unbounded));
        keys.filter_map(|(key, versions)| {
            let version = versions.last()?;
            Some((key.as_str(), version, version.object.as_ref()?))
        })
    }

    /// Every version of every key, keys in order, newest version first.
    pub(crate) fn history(&self) -> impl Iterator<Item = (&str, &Version, bool)> {
        self.keys.iter().flat_map(|(key, versions)| {
            let newest = versions.len().saturating_sub(1);
            let newest_first = versions.iter().enumerate().rev();
            newest_first.map(move |(at, version)| (key.as_str(), version, at == newest))
        })
    }
}

fn content_type(key: &str) -> &'static str {
    match key.rsplit('.').next() {
        Some("txt" | "md") => "text/plain",
        Some("csv") => "text/csv",
        Some("json") => "application/json",
        _ => "binary/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(text: &'static str) -> Object {
        Object::new(Bytes::from_static(text.as_bytes()))
    }

    #[test]
    fn versions_survive_overwriting_and_deleting() {
        let now = Timestamp::UNIX_EPOCH;
        let mut buckets = Buckets::default();
        let bucket = buckets.create("b", true, now);
        let first = bucket.put("k", object("one"), now).unwrap();
        bucket.put("k", object("two"), now);
        let marker = bucket.delete("k", None, now);
        assert!(marker.delete_marker);
        assert_eq!(bucket.live().count(), 0);
        assert_eq!(bucket.history().count(), 3);
        let old = bucket.version("k", Some(&first)).unwrap();
        assert_eq!(old.object.as_ref().unwrap().content, "one");
        bucket.delete("k", marker.version_id.as_deref(), now);
        assert_eq!(bucket.live().next().unwrap().2.content, "two");
    }

    #[test]
    fn a_plain_bucket_keeps_only_the_newest() {
        let now = Timestamp::UNIX_EPOCH;
        let mut buckets = Buckets::default();
        let bucket = buckets.create("b", false, now);
        assert_eq!(bucket.put("k", object("one"), now), None);
        bucket.put("k", object("two"), now);
        assert_eq!(bucket.history().count(), 1);
        bucket.delete("k", None, now);
        assert_eq!(bucket.history().count(), 0);
    }
}
