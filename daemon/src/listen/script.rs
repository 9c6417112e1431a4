//! What an interpreter runs: `python3` alone says little of who asked. Read off
//! its command line, of which nothing but that one name is kept: the rest may
//! hold secrets. For the audit log, not for decisions.

use std::path::Path;

use quilt_proto::terminal_safe;

/// The longest name that is kept, in characters and bytes.
const NAME: usize = 64;

/// How far a command line is read, in bytes.
pub(super) const COMMAND_LINE: usize = 4096;

/// How an interpreter is told what to run.
pub(super) struct Interpreter {
    /// Its names, without a version.
    names: &'static [&'static str],
    /// Options whose value comes next, and says nothing of it.
    value: &'static [&'static str],
    /// Options whose value, next or behind `=`, is it.
    script: &'static [&'static str],
    /// Options that give code on the command line: there is no script.
    code: &'static [&'static str],
    /// A word before the script.
    verb: Option<&'static str>,
}

/// The interpreters that programs for data are written for.
const INTERPRETERS: [Interpreter; 10] = [
    Interpreter {
        names: &["python", "pypy"],
        value: &["-W", "-X", "--check-hash-based-pycs"],
        script: &["-m"],
        code: &["-c"],
        verb: None,
    },
    Interpreter {
        names: &["R", "Rscript"],
        value: &["-g", "--gui", "-d", "--debugger"],
        script: &["-f", "--file"],
        code: &["-e"],
        verb: None,
    },
    Interpreter {
        names: &["node", "nodejs"],
        value: &[
            "-r",
            "--require",
            "--import",
            "--loader",
            "-C",
            "--conditions",
        ],
        script: &[],
        code: &["-e", "--eval", "-p", "--print", "-pe"],
        verb: None,
    },
    Interpreter {
        names: &["deno", "bun"],
        value: &["-c", "--config", "-r", "--preload"],
        script: &[],
        code: &["-e", "--eval", "eval"],
        verb: Some("run"),
    },
    Interpreter {
        names: &["ruby"],
        value: &["-I", "-r", "-C", "-E", "-W"],
        script: &[],
        code: &["-e"],
        verb: None,
    },
    Interpreter {
        names: &["perl"],
        value: &["-I"],
        script: &[],
        code: &["-e", "-E"],
        verb: None,
    },
    Interpreter {
        names: &["php"],
        value: &["-d", "-c", "-z"],
        script: &["-f", "--file"],
        code: &["-r", "--run"],
        verb: None,
    },
    Interpreter {
        names: &["julia"],
        value: &["-L", "-J", "-p", "-t", "-C"],
        script: &[],
        code: &["-e", "-E", "--eval", "--print"],
        verb: None,
    },
    Interpreter {
        names: &["lua", "luajit"],
        value: &["-l"],
        script: &[],
        code: &["-e"],
        verb: None,
    },
    Interpreter {
        names: &["java"],
        value: &[
            "-cp",
            "-classpath",
            "--class-path",
            "-p",
            "--module-path",
            "--add-modules",
        ],
        script: &["-jar", "-m", "--module"],
        code: &[],
        verb: None,
    },
];

impl Interpreter {
    /// The one of this name, without its version.
    pub(super) fn named(name: &str) -> Option<&'static Self> {
        INTERPRETERS.iter().find(|it| it.names.contains(&name))
    }

    /// The name of what it was told to run, without its folder, by its command
    /// line: arguments that end with a zero byte each (proc(5),
    /// `/proc/PID/cmdline`).
    pub(super) fn script(&self, command_line: &[u8]) -> Option<String> {
        let mut verb = self.verb;
        let mut arguments = command_line
            .split_inclusive(|byte| *byte == 0)
            // What was cut is no argument.
            .map_while(|argument| argument.strip_suffix(&[0]))
            .map(String::from_utf8_lossy)
            .skip(1);
        while let Some(argument) = arguments.next() {
            let argument = argument.as_ref();
            if self.code.contains(&argument) || argument == "-" {
                return None;
            }
            if self.script.contains(&argument) {
                return base(&arguments.next()?);
            }
            if let Some((option, value)) = argument.split_once('=')
                && self.script.contains(&option)
            {
                return base(value);
            }
            if self.value.contains(&argument) {
                arguments.next();
            } else if verb == Some(argument) {
                verb = None;
            } else if !argument.starts_with('-') {
                return base(argument);
            }
        }
        None
    }
}

/// A file's name, or a module's, as one short line.
fn base(path: &str) -> Option<String> {
    let name = Path::new(path).file_name()?.to_string_lossy();
    let name = terminal_safe::one_line(name.trim(), NAME, 4 * NAME);
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn python() -> &'static Interpreter {
        Interpreter::named("python").unwrap()
    }

    fn run(line: &str) -> Option<String> {
        let name = line.split(' ').next().unwrap();
        Interpreter::named(name)?.script((line.replace(' ', "\0") + "\0").as_bytes())
    }

    #[test]
    fn a_script_has_its_name_and_nothing_else_of_the_line_is_kept() {
        for (line, script) in [
            ("python train.py --password hunter2", Some("train.py")),
            ("python /usr/local/bin/aws s3 sync s3://a b", Some("aws")),
            ("python -W ignore -u train.py", Some("train.py")),
            (
                "python -m ipykernel_launcher -f k.json",
                Some("ipykernel_launcher"),
            ),
            ("python -c import_secret x.py", None),
            ("python - x.py", None),
            ("python", None),
            ("R --no-echo --file=scripts/fit.R --args a/b", Some("fit.R")),
            ("Rscript fit.R", Some("fit.R")),
            ("R -e secret", None),
            ("node --require ./hook.js dist/serve.js 1", Some("serve.js")),
            ("node -e secret", None),
            ("deno run --allow-net main.ts", Some("main.ts")),
            ("bun main.ts", Some("main.ts")),
            ("deno eval secret", None),
            (
                "java -Xmx1g -cp a.jar:b.jar nextflow.cli.Launcher run",
                Some("nextflow.cli.Launcher"),
            ),
            ("java -jar /opt/tool.jar x", Some("tool.jar")),
            ("ruby -I lib bin/sync", Some("sync")),
            ("perl -I/lib -w copy.pl", Some("copy.pl")),
            ("php -f index.php", Some("index.php")),
            ("sh x.sh", None),
            ("s5cmd ls", None),
        ] {
            assert_eq!(run(line).as_deref(), script, "{line}");
        }
    }

    #[test]
    fn a_line_that_was_cut_names_no_half_script() {
        assert_eq!(python().script(b"python\0train.p"), None);
        assert_eq!(
            python().script(b"python\0train.py\0"),
            Some("train.py".to_owned())
        );
    }

    proptest! {
        #[test]
        fn whatever_a_process_calls_itself_a_name_is_one_short_line(
            rest in proptest::collection::vec(any::<u8>(), 0..300),
        ) {
            let line = [b"python\0".as_slice(), &rest, &[0]].concat();
            if let Some(name) = python().script(&line) {
                prop_assert!(!name.chars().any(char::is_control), "{name:?}");
                prop_assert!(name.chars().count() <= NAME + 1, "{name:?}");
            }
        }
    }
}
