//! Takes the recording in `docs/recording.svg` anew: real programs, typed into
//! a real shell on a terminal, over a fake stack.
#![expect(clippy::print_stdout, reason = "this is what it is for")]

use std::fs;
use std::path::Path;

use anyhow::Context as _;
use quilt_tests::showcase::Showcase;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/recording.svg");
    let showcase = Showcase::prepare().await?;
    let transcript = showcase.record().await;
    showcase.end().await?;
    let transcript = transcript?;
    print!("{}", transcript.text());
    fs::write(&file, transcript.svg()).with_context(|| file.display().to_string())
}
