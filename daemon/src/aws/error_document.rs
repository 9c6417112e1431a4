//! What AWS's error documents say.

use quick_xml::Reader;
use quick_xml::events::Event;

/// The text of the first element of a name, wherever it is. Stand-ins for AWS
/// nest errors in ways the SDK does not look for. Nothing where the document
/// breaks off or is none.
pub fn text_of(document: &str, name: &str) -> Option<String> {
    let mut reader = Reader::from_str(document);
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) if start.local_name().as_ref() == name.as_bytes() => break,
            Event::Eof => return None,
            _ => {}
        }
    }
    let mut text = String::new();
    loop {
        match reader.read_event().ok()? {
            Event::Text(piece) => text.push_str(&piece.decode().ok()?),
            Event::CData(piece) => text.push_str(&piece.decode().ok()?),
            Event::GeneralRef(reference) => match reference.resolve_char_ref().ok()? {
                Some(named) => text.push(named),
                None => text.push_str(quick_xml::escape::resolve_predefined_entity(
                    &reference.decode().ok()?,
                )?),
            },
            Event::Comment(_) => {}
            Event::End(_) => return Some(text),
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_element_is_found_wherever_it_is_and_read_as_xml() {
        for (document, code) in [
            ("<Error><Code>NoSuchKey</Code></Error>", Some("NoSuchKey")),
            (
                "<?xml version=\"1.0\"?>\n<r xmlns=\"u\"><E a=\"1\"><Code>X</Code><Code>Y</Code></E></r>",
                Some("X"),
            ),
            (
                "<s:Error xmlns:s=\"u\"><s:Code>X</s:Code></s:Error>",
                Some("X"),
            ),
            (
                "<Code id=\"7\">a &lt; &#98; &amp; <![CDATA[<c>]]><!-- no --></Code>",
                Some("a < b & <c>"),
            ),
            ("<Code></Code>", Some("")),
            ("<!-- <Code>no</Code> --><Code>X</Code>", Some("X")),
            ("<Code>X", None),
            ("<Code>X<b>Y</b></Code>", None),
            ("<Code>&unknown;</Code>", None),
            ("<Codes>X</Codes>", None),
            ("{\"Code\": \"X\"}", None),
            ("", None),
        ] {
            assert_eq!(text_of(document, "Code").as_deref(), code, "{document}");
        }
    }

    proptest! {
        #[test]
        fn no_document_harms(document in "(<Code>|</Code>|<|>|&|;|#|[a-z!\\[\\]-]|\\PC){0,40}") {
            let _ = text_of(&document, "Code");
        }
    }
}
