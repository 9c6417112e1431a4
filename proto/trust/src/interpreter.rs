//! What the system runs a script with (execve(2)).

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

/// How much of a program's first line the system reads, in bytes.
const MAX_LINE: u64 = 256;

/// What stands behind `#!`, where that is how a program begins.
pub fn interpreter_line(program: &Path) -> Option<String> {
    // Opening anything else does things.
    fs::metadata(program).ok().filter(fs::Metadata::is_file)?;
    let mut start = Vec::new();
    let file = File::open(program).ok()?;
    file.take(MAX_LINE).read_to_end(&mut start).ok()?;
    let line = start.strip_prefix(b"#!")?;
    let line = line.split(|byte| *byte == b'\n').next()?;
    Some(String::from_utf8_lossy(line).into_owned())
}
