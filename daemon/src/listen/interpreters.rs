//! How the interpreters that programs for data are written for are told what to
//! run: their manuals' options, by what each takes.

/// How an interpreter is told what to run.
pub(super) struct Interpreter {
    /// Its names, without a version.
    pub(super) names: &'static [&'static str],
    /// Options of a dash and letters, which may stand together.
    pub(super) letters: &'static [(Takes, &'static str)],
    /// Options that are words, between blanks; those that begin like one that
    /// ends with `*`.
    pub(super) words: &'static [(Takes, &'static str)],
    /// A word before the script.
    pub(super) verb: Option<&'static str>,
}

/// What an option takes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    /// Nothing.
    Nothing,
    /// The rest of its word, be there any or not.
    Rest,
    /// A value that says nothing of the script: the rest of its word, or the next.
    Value,
    /// The script, likewise.
    Script,
    /// Code, likewise: there is no script.
    Code,
}

use Takes::{Code, Nothing, Rest, Script, Value};

/// The interpreters that programs for data are written for. What follows an
/// option that is not here may be its value, and is not taken for a script.
pub(super) const INTERPRETERS: [Interpreter; 10] = [
    Interpreter {
        names: &["python", "pypy"],
        letters: &[
            (Nothing, "bBdEhiIOPqRsSuvVx?"),
            (Value, "WX"),
            (Script, "m"),
            (Code, "c"),
        ],
        words: &[(Value, "--check-hash-based-pycs")],
        verb: None,
    },
    Interpreter {
        names: &["R", "Rscript"],
        letters: &[(Value, "gd"), (Script, "f"), (Code, "e")],
        words: &[
            (
                Nothing,
                "--no-* --quiet --silent --slave --vanilla --verbose --save --restore \
                 --interactive --default-packages",
            ),
            (Value, "--gui --debugger"),
            (Script, "--file"),
            (Code, "--args"),
        ],
        verb: None,
    },
    Interpreter {
        names: &["node", "nodejs"],
        letters: &[(Nothing, "ci"), (Value, "rC"), (Code, "ep")],
        words: &[
            (
                Nothing,
                "--no-* --trace-warnings --trace-deprecation --enable-* --inspect* \
                 --expose-gc --preserve-* --use-* --test --watch --abort-*",
            ),
            (
                Value,
                "--require --import --loader --conditions --env-file \
                 --experimental-loader --env-file-if-exists --input-type",
            ),
            (Code, "--eval --print --run"),
        ],
        verb: None,
    },
    Interpreter {
        names: &["deno", "bun"],
        letters: &[(Nothing, "Aq"), (Value, "cr"), (Code, "ep")],
        words: &[
            (
                Nothing,
                "--allow-* --deny-* --no-* --unstable* --quiet --watch --hot --smol \
                 --bun --silent --cached-only",
            ),
            (Value, "--config --preload"),
            (Code, "--eval --print"),
        ],
        verb: Some("run"),
    },
    Interpreter {
        names: &["ruby"],
        letters: &[
            (Nothing, "aclnpsSuUvwyKTW0123456789"),
            (Rest, "Fix"),
            (Value, "CEIr"),
            (Code, "e"),
        ],
        words: &[(Nothing, "--disable* --enable* --jit* --yjit* --verbose")],
        verb: None,
    },
    Interpreter {
        names: &["perl"],
        letters: &[
            (Nothing, "aclnpsStTuUvwWX0123456789"),
            (Rest, "CdDFimMx"),
            (Value, "I"),
            (Code, "eE"),
        ],
        words: &[],
        verb: None,
    },
    Interpreter {
        names: &["php"],
        letters: &[
            (Nothing, "aCHnqsv"),
            (Value, "dczSt"),
            (Script, "fF"),
            (Code, "rBRE"),
        ],
        words: &[
            (Script, "--file --process-file"),
            (Code, "--run --process-begin --process-code --process-end"),
        ],
        verb: None,
    },
    Interpreter {
        names: &["julia"],
        letters: &[
            (Nothing, "iq"),
            (Rest, "Og"),
            (Value, "LJHptCm"),
            (Code, "eE"),
        ],
        words: &[
            (
                Value,
                "--load --sysimage --threads --procs --machine-file --home --cpu-target \
                 --gcthreads",
            ),
            (Code, "--eval --print"),
        ],
        verb: None,
    },
    Interpreter {
        names: &["lua", "luajit"],
        letters: &[(Nothing, "EivW"), (Rest, "bjO"), (Value, "l"), (Code, "e")],
        words: &[],
        verb: None,
    },
    Interpreter {
        names: &["java"],
        letters: &[(Rest, "DX")],
        words: &[
            (
                Nothing,
                "-server -client -ea* -da* -esa -dsa -verbose* -javaagent* -agentlib* \
                 -agentpath* -splash* -enableassertions* -disableassertions* \
                 --enable-preview",
            ),
            (
                Value,
                "-cp -classpath --class-path -p --module-path --add-modules --add-opens \
                 --add-exports --add-reads --upgrade-module-path --patch-module \
                 --limit-modules --source --enable-native-access",
            ),
            (Script, "-jar -m --module"),
        ],
        verb: None,
    },
];
