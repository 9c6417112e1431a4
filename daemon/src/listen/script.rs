//! What an interpreter runs: `python3` alone says little of who asked. Read off
//! its command line, of which nothing but that one name is kept: the rest may
//! hold secrets. For the audit log, not for decisions.

use std::path::Path;

use quilt_proto::terminal_safe;

use super::interpreters::{INTERPRETERS, Interpreter, Takes};

/// The longest name that is kept, in characters and bytes.
const NAME: usize = 64;

/// How far a command line is read, in bytes.
pub(super) const COMMAND_LINE: usize = 4096;

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
            if !argument.starts_with('-') {
                if verb == Some(argument) {
                    verb = None;
                    continue;
                }
                // `deno eval` and the like: code, or a task that is no file.
                let is_task = verb.is_some() && !argument.contains('.');
                return base(argument).filter(|_| !is_task);
            }
            if argument == "--" {
                return base(&arguments.next()?);
            }
            match self.option(argument)? {
                (Takes::Nothing | Takes::Rest, _) => {}
                (Takes::Value, value) => {
                    if value.is_none() {
                        arguments.next();
                    }
                }
                (Takes::Script, Some(value)) => return base(value),
                (Takes::Script, None) => return base(&arguments.next()?),
                (Takes::Code, _) => return None,
            }
        }
        None
    }

    /// What an option takes that decides what comes next, and what of it is in
    /// the same word; nothing of one that is not known.
    fn option<'a>(&self, argument: &'a str) -> Option<(Takes, Option<&'a str>)> {
        let (name, value) = match argument.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (argument, None),
        };
        let is = |known: &str| match known.strip_suffix('*') {
            Some(start) => argument.starts_with(start),
            None => known == name,
        };
        let mut words = self.words.iter();
        if let Some((takes, _)) = words.find(|(_, known)| known.split(' ').any(is)) {
            return Some((*takes, value));
        }
        if argument.starts_with("--") {
            // It brings its value along, if it is not known.
            return value.map(|value| (Takes::Rest, Some(value)));
        }
        let letters = argument.strip_prefix('-').filter(|it| !it.is_empty())?;
        for (at, letter) in letters.char_indices() {
            let mut known = self.letters.iter();
            let (takes, _) = known.find(|(_, known)| known.contains(letter))?;
            if *takes != Takes::Nothing {
                let rest = &letters[at + letter.len_utf8()..];
                return Some((*takes, Some(rest).filter(|rest| !rest.is_empty())));
            }
        }
        Some((Takes::Nothing, None))
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
            ("python -X dev -Wd -OO train.py", Some("train.py")),
            ("python -mtimeit -n1 secret", Some("timeit")),
            ("node --max-old-space-size=4096 serve.js", Some("serve.js")),
            ("node --env-file .env -r ./x -- serve.js", Some("serve.js")),
            (
                "java --add-opens java.base/java.lang=ALL -jar a.jar",
                Some("a.jar"),
            ),
            (
                "java -XX:+UseG1GC -Dkey=secret -ea nextflow.Main",
                Some("nextflow.Main"),
            ),
            ("julia --threads 4 x.jl", Some("x.jl")),
            ("julia -t4 -O3 x.jl", Some("x.jl")),
            ("perl -lw -i.bak copy.pl", Some("copy.pl")),
            ("ruby -rjson -W0 sync.rb", Some("sync.rb")),
            ("bun run build", Some("build")),
            ("sh x.sh", None),
            ("s5cmd ls", None),
        ] {
            assert_eq!(run(line).as_deref(), script, "{line}");
        }
    }

    /// However options are joined, and whatever comes after them.
    #[test]
    fn code_and_what_it_works_on_are_no_script() {
        for line in [
            "python -Ic secret",
            "python -uc secret x.py",
            "python -Bc secret x.py",
            "python -csecret data.csv",
            "python -Wdc -c secret data.csv",
            "perl -lane secret data.csv",
            "perl -MList::Util -we secret data.csv",
            "perl -Esecret data.csv",
            "perl -0777 -ne secret data.csv",
            "perl -i.bak -pe secret data.csv",
            "ruby -rjson -ne secret data.csv",
            "ruby -W0e secret data.csv",
            "ruby -KUe secret data.csv",
            "node --trace-event-categories v8 serve.js",
            "node --eval=secret data.csv",
            "node -psecret data.csv",
            "node -pe secret data.csv",
            "node --env-file /etc/hosts -e secret",
            "node --not-known-yet secret",
            "R --no-save -e secret data.csv",
            "R --no-save --args secret",
            "Rscript -esecret data.csv",
            "deno eval secret",
            "bun -e secret",
            "php -B secret data.csv",
            "julia -qe secret data.csv",
            "julia --eval=secret data.csv",
            "lua -lx -e secret data.csv",
        ] {
            assert_eq!(run(line), None, "{line}");
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
