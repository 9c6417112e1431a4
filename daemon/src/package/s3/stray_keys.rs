//! Keys in a listing that object_store has no name for.

use bytes::Bytes;
use object_store::path::Path;
use quick_xml::Reader;
use quick_xml::escape::unescape;
use quick_xml::events::Event;

/// A page of a listing without the keys and folders that have an empty part, `.`,
/// `..` or control characters in their names, which no package has: where there is
/// one, object_store takes nothing of the page. What is no listing is left to it
/// to refuse.
pub(super) fn without_stray_keys(page: Bytes) -> Bytes {
    match kept(&page) {
        Some(kept) => kept.into(),
        None => page,
    }
}

/// What is left of a page, if not all of it.
fn kept(page: &[u8]) -> Option<Vec<u8>> {
    let mut reader = Reader::from_reader(page);
    let (mut kept, mut rest) = (Vec::new(), 0);
    let (mut depth, mut entry) = (0, None);
    loop {
        let at = offset(&reader)?;
        match reader.read_event().ok()? {
            Event::Start(tag) => {
                let name = tag.name();
                match (depth, name.as_ref(), &mut entry) {
                    (1, b"Contents" | b"CommonPrefixes", _) => entry = Some((at, false)),
                    (2, b"Key" | b"Prefix", Some((_, is_stray))) => {
                        let text = reader.read_text(name).ok()?;
                        *is_stray = !has_name(&text.decode().ok()?);
                        continue;
                    }
                    _ => {}
                }
                depth += 1;
            }
            Event::End(_) => {
                depth -= 1;
                if depth == 1
                    && let Some((begin, true)) = entry.take()
                {
                    kept.extend_from_slice(&page[rest..begin]);
                    rest = offset(&reader)?;
                }
            }
            Event::Eof => break,
            _ => {}
        }
    }
    (rest > 0).then(|| {
        kept.extend_from_slice(&page[rest..]);
        kept
    })
}

fn offset(reader: &Reader<&[u8]>) -> Option<usize> {
    reader.buffer_position().try_into().ok()
}

fn has_name(text: &str) -> bool {
    unescape(text).is_ok_and(|key| Path::parse(&key).is_ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn listing(keys: &[&str]) -> String {
        let entries = keys.iter().map(|key| {
            if let Some(prefix) = key.strip_prefix('+') {
                format!("<CommonPrefixes><Prefix>{prefix}</Prefix></CommonPrefixes>")
            } else {
                format!("<Contents>\n <Size>1</Size> <Key>{key}</Key>\n</Contents>")
            }
        });
        let entries: String = entries.collect();
        format!(
            "<?xml version=\"1.0\"?>\n<ListBucketResult><Prefix>a//</Prefix>{entries}</ListBucketResult>\n"
        )
    }

    fn left(page: &str) -> String {
        let left = without_stray_keys(Bytes::copy_from_slice(page.as_bytes()));
        String::from_utf8(left.to_vec()).unwrap()
    }

    #[test]
    fn what_has_no_name_is_passed_over_and_all_else_stays_as_it_is() {
        let strays = [
            "a//b", "a/../b", "./x", "a/.", "a/&#x1B;", "a/&#47;b", "+a//", "+a/../", "\u{7f}",
        ];
        let good = [
            "a/b",
            "+a/",
            "a/&amp;b",
            "a/&lt;Contents&gt;",
            "+.quilt/x/",
            "ü",
        ];
        assert_eq!(left(&listing(&strays)), listing(&[]));
        assert_eq!(left(&listing(&good)), listing(&good));
        for stray in strays {
            let mixed = ["a/b", stray, "+a/", stray, "c"];
            assert_eq!(left(&listing(&mixed)), listing(&["a/b", "+a/", "c"]));
        }
    }

    #[test]
    fn what_is_no_listing_is_left_alone() {
        for page in [
            "",
            "<",
            "<a><Contents><Key>//",
            "</a></b>",
            "<a/><b/>",
            "a//b",
        ] {
            assert_eq!(left(page), page);
        }
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(page in "[<>/a-c &;#x0-9]{0,60}|(<(/?)(Contents|Key|a)>|//){0,20}") {
            left(&page);
        }
    }
}
