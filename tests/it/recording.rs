//! The recording in the README shows what the programs print today.

use quilt_tests::harness::toolchain::{Python, Venv, not_run};
use quilt_tests::showcase::Showcase;

const COMMITTED: &str = include_str!("../../docs/recording.svg");

/// Without what differs from run to run: numbers, and names made at random.
fn lasting(text: &str) -> Vec<String> {
    let line = |line: &str| {
        let mut lasting = String::new();
        for char in line.chars() {
            let char = if char.is_ascii_digit() { '#' } else { char };
            if !(char == '#' && lasting.ends_with('#')) {
                lasting.push(char);
            }
        }
        let words: Vec<&str> = lasting.split_whitespace().collect();
        // A slow machine takes longer, and counts in other units.
        let mut lasting = words.join(" ").replace("no grants", "# grant");
        for unit in ["# s", "# min", "# h"] {
            lasting = lasting.replace(unit, "#");
        }
        lasting
    };
    text.lines().map(line).collect()
}

/// What a picture says it shows.
fn description(svg: &str) -> String {
    let text = svg.split("<desc>").nth(1).unwrap();
    let text = text.split("</desc>").next().unwrap();
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&")
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_what_the_programs_print() {
    if let Err(reason) = Python::prepare(Venv::AwsCliV1) {
        not_run("the recording", reason);
        return;
    }
    let showcase = Showcase::prepare().await.unwrap();
    let transcript = showcase.record().await;
    showcase.end().await.unwrap();
    let transcript = transcript.unwrap();
    let (now, then) = (
        lasting(&transcript.text()),
        lasting(&description(COMMITTED)),
    );
    assert!(now.len() > 15, "something is shown");
    assert_eq!(now, then, "take it anew: cargo record");
    // What is described is also drawn: each word of the last screen.
    let svg = transcript.svg();
    for word in ["alice", "default", "lake", "left,"] {
        let drawn = svg.split("</style>").nth(1).unwrap();
        assert!(drawn.contains(word), "{word}");
    }
    assert!(!svg.contains("http://www.w3.org/1999/xlink") && !svg.contains("<script"));
}
