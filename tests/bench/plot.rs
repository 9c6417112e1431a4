//! A small picture of a row: what was measured, how it spreads, and its target.

use std::fs;
use std::path::Path;

use crate::row::{Row, Target};

const WIDTH: f64 = 480.;
const LEFT: f64 = 12.;
const RIGHT: f64 = 468.;

/// Writes one picture a row, and removes those of rows that are gone.
pub(crate) fn write(dir: &Path, rows: &[Row]) -> anyhow::Result<()> {
    fs::create_dir_all(dir)?;
    for old in fs::read_dir(dir)? {
        let path = old?.path();
        if path.extension().is_some_and(|extension| extension == "svg") {
            fs::remove_file(path)?;
        }
    }
    for row in rows {
        fs::write(dir.join(row.slug()).with_extension("svg"), svg(row))?;
    }
    Ok(())
}

fn svg(row: &Row) -> String {
    let (target, sign) = match row.target {
        Target::AtMost(target) => (target, "\u{2264}"),
        Target::AtLeast(target) => (target, "\u{2265}"),
    };
    let [low, high] = row.spread;
    let most = high.max(target) * 1.15;
    let x = |value: f64| LEFT + (RIGHT - LEFT) * (value / most).clamp(0., 1.);
    let colour = if row.is_met() { "#2a7f62" } else { "#b3432b" };
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"64\" \
         font-family=\"sans-serif\" font-size=\"12\">\
         <text x=\"{LEFT}\" y=\"16\">{}: {:.3} of {} ({sign} {target})</text>\
         <rect x=\"{LEFT}\" y=\"26\" width=\"{:.1}\" height=\"14\" fill=\"{colour}\"/>\
         <line x1=\"{:.1}\" x2=\"{:.1}\" y1=\"33\" y2=\"33\" stroke=\"#111\" stroke-width=\"2\"/>\
         <line x1=\"{:.1}\" x2=\"{:.1}\" y1=\"22\" y2=\"50\" stroke=\"#555\" \
         stroke-dasharray=\"3 2\"/>\
         <text x=\"{:.1}\" y=\"60\" font-size=\"10\" text-anchor=\"middle\">{target}</text></svg>\n",
        text(&row.what),
        row.figure,
        text(&row.against),
        x(row.figure) - LEFT,
        x(low),
        x(high),
        x(target),
        x(target),
        x(target),
    )
}

fn text(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_picture_a_row_and_none_besides() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("old.svg"), "").unwrap();
        fs::write(dir.path().join("kept.txt"), "").unwrap();
        let row = Row::once("a <b>", "c & d", 2., Target::AtMost(1.));
        write(dir.path(), std::slice::from_ref(&row)).unwrap();
        let svg = fs::read_to_string(dir.path().join("a-b-c-d.svg")).unwrap();
        assert!(svg.contains("a &lt;b>: 2.000 of c &amp; d"), "{svg}");
        assert!(!dir.path().join("old.svg").exists() && dir.path().join("kept.txt").exists());
    }
}
