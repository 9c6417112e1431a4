//! `docs/commands.md`: the help of every command, as one document.

use std::fmt::Write;
use std::{env, fs};

use super::command_in;

/// How wide the help stands in it.
const CELLS: usize = 90;

fn section(command: &clap::Command, depth: usize, book: &mut String) {
    let hashes = "#".repeat(depth);
    let name = command.get_bin_name().unwrap_or_default();
    // What every command takes is said once, above.
    let mut shown = command
        .clone()
        .mut_args(|arg| {
            if arg.is_global_set() {
                arg.hide(true)
            } else {
                arg
            }
        })
        .disable_help_flag(true);
    let help = crate::look::untied(&shown.render_long_help().to_string());
    let lines: Vec<&str> = help.trim_end().lines().map(str::trim_end).collect();
    // Variables and exit codes are the same nearly everywhere.
    let end = lines.iter().position(|line| *line == "Environment:");
    let text = lines[..end.unwrap_or(lines.len())].join("\n");
    let _ = write!(
        book,
        "\n{hashes} {name}\n\n```text\n{}\n```\n",
        text.trim_end()
    );
    for below in command
        .get_subcommands()
        .filter(|below| below.get_name() != "help")
    {
        section(below, depth + 1, book);
    }
}

fn book() -> String {
    let mut command = command_in(CELLS);
    command.build();
    let overview = command.render_help().to_string();
    let overview: Vec<&str> = overview.trim_end().lines().map(str::trim_end).collect();
    let mut book = format!(
        "# Commands\n\nMade from the help: `quiltctl COMMAND --help` says the same, and which \
         variables and exit codes there are; so does `quiltctl man COMMAND`. The options of the \
         overview are every command's.\n\n```text\n{}\n```\n",
        overview.join("\n")
    );
    for below in command
        .get_subcommands()
        .filter(|below| below.get_name() != "help")
    {
        section(below, 2, &mut book);
    }
    book
}

#[test]
fn the_document_is_what_the_help_says() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/commands.md");
    let book = book();
    assert!(book.contains("\n### quiltctl role switch\n"), "{book}");
    if env::var_os("UPDATE_DOCS").is_some() {
        fs::write(file, &book).unwrap();
    }
    let document = fs::read_to_string(file).unwrap_or_default();
    assert!(
        document == book,
        "make docs/commands.md anew: UPDATE_DOCS=1 cargo test -p quiltctl --bin quiltctl help::"
    );
}
