//! `buckets`: which there are.

use quilt_proto::api::ListBuckets;
use quilt_proto::wire::Bucket;

use crate::context::Context;
use crate::exit::Failure;
use crate::look::{Column, Paint, Screen, Span, Table, name};

pub(super) fn run(context: &Context) -> Result<(), Failure> {
    context.show(&ListBuckets, |_, buckets| screen(buckets))
}

/// Each by the address that other commands take.
fn screen(buckets: &[Bucket]) -> Screen {
    let mut table = Table::new([Column::key("BUCKET"), Column::of_importance("TITLE", 1)]);
    for bucket in buckets {
        let title = bucket.title.as_deref().map(name);
        table.row([
            Span::painted(name(&format!("s3://{}", bucket.name)), Paint::Strong),
            title.map_or_else(Span::default, Into::into),
        ]);
    }
    Screen::listing(
        table,
        "The catalog shows you no buckets; your role decides: quiltctl role list",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::look::tests::widths;

    #[test]
    fn the_screen_at_every_width() {
        let bucket = |name: &str, title: Option<&str>| Bucket {
            name: name.to_owned(),
            title: title.map(str::to_owned),
        };
        let buckets = [
            bucket("quilt-example", Some("Examples; run: evil\u{1b}[2J")),
            bucket("lake", None),
            bucket(&"long-".repeat(12), Some("漢字")),
        ];
        insta::assert_snapshot!(widths(|_| screen(&buckets)));
        insta::assert_snapshot!("buckets_none", widths(|_| screen(&[])));
    }
}
