//! Manual pages. The sections of the arguments are made from the commands; the
//! rest keeps the shape it has in the help.

use std::io::{self, Write};

use super::{EXIT_CODES, VARIABLES, page};

/// Writes the page of a command; `path` is what follows the program's name.
pub(crate) fn write(command: &clap::Command, path: &str, out: &mut Vec<u8>) -> io::Result<()> {
    // What the help says below the options has sections of its own here.
    let bare = command.clone().after_help("").after_long_help("");
    let man = clap_mangen::Man::new(bare);
    man.render_title(out)?;
    man.render_name_section(out)?;
    man.render_synopsis_section(out)?;
    man.render_description_section(out)?;
    man.render_options_section(out)?;
    if command.has_subcommands() {
        man.render_subcommands_section(out)?;
    }
    if let Some(more) = command.get_after_long_help() {
        section(out, "NOTES")?;
        verbatim(out, more.to_string().trim_end().lines())?;
    }
    if let Some(page) = page(path) {
        section(out, "EXAMPLES")?;
        for (example, what) in page.examples {
            writeln!(out, ".PP\n{}", escaped(what))?;
            verbatim(out, [format!("    {example}").as_str()])?;
        }
    }
    section(out, "ENVIRONMENT")?;
    for (name, of, what) in VARIABLES {
        if of.is_none_or(|of| path.is_empty() || of.contains(&path)) {
            writeln!(out, ".TP\n\\fB{}\\fR\n{}", escaped(name), escaped(what))?;
        }
    }
    section(out, "EXIT STATUS")?;
    for (code, what) in EXIT_CODES {
        writeln!(out, ".TP\n\\fB{code}\\fR\n{}", escaped(what))?;
    }
    Ok(())
}

fn section(out: &mut Vec<u8>, name: &str) -> io::Result<()> {
    writeln!(out, ".SH {name}")
}

/// Lines as they are: no filling, no words of roff.
fn verbatim<'a>(out: &mut Vec<u8>, lines: impl IntoIterator<Item = &'a str>) -> io::Result<()> {
    writeln!(out, ".nf")?;
    for line in lines {
        writeln!(out, "{}", escaped(line))?;
    }
    writeln!(out, ".fi")
}

/// A line that roff takes for text (groff(7), "Escapes").
fn escaped(line: &str) -> String {
    let line = line.replace('\\', "\\e").replace('-', "\\-");
    if line.starts_with(['.', '\'']) {
        format!("\\&{line}")
    } else {
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_a_word_of_roff() {
        assert_eq!(escaped(".TH x"), "\\&.TH x");
        assert_eq!(escaped("a\\b --c"), "a\\eb \\-\\-c");
    }
}
