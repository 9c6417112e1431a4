//! The pages of the program's own code that are mapped (proc_pid_maps(5),
//! madvise(2)).

/// Unmaps the code that has run so far: most of what the start takes is run
/// only then, and would count as this process's memory for as long as it lives.
/// What is run again is found in the page cache. Does nothing where memory is
/// locked.
#[cfg(target_os = "linux")]
pub fn give_code_back() {
    use std::os::unix::fs::MetadataExt;

    let (Ok(maps), Ok(program)) = (
        std::fs::read_to_string("/proc/self/maps"),
        std::fs::metadata("/proc/self/exe"),
    ) else {
        return;
    };
    for line in maps.lines() {
        let Some(code) = Code::of(line).filter(|code| code.inode == program.ino()) else {
            continue;
        };
        let start = std::ptr::with_exposed_provenance_mut(code.start);
        let advice = rustix::mm::Advice::LinuxDontNeed;
        // SAFETY: the range is a mapping of the program's file that nobody can
        // write to and nothing was ever relocated in, as it is executable: what
        // is read from it again is what was there.
        let _ = unsafe { rustix::mm::madvise(start, code.length, advice) };
    }
}

/// Other systems count memory in other ways.
#[cfg(not(target_os = "linux"))]
pub fn give_code_back() {}

/// A private mapping of code, which cannot be written to.
#[cfg(target_os = "linux")]
#[derive(Debug, PartialEq, Eq)]
struct Code {
    start: usize,
    length: usize,
    inode: u64,
}

#[cfg(target_os = "linux")]
impl Code {
    /// What a line tells of; nothing where it is something else.
    fn of(line: &str) -> Option<Self> {
        let mut words = line.split_ascii_whitespace();
        let (range, access) = (words.next()?, words.next()?);
        let inode = words.nth(2)?.parse().ok()?;
        let (start, end) = range.split_once('-')?;
        let address = |text| usize::from_str_radix(text, 16).ok();
        let (start, end) = (address(start)?, address(end)?);
        (access == "r-xp").then_some(Self {
            start,
            length: end.checked_sub(start)?,
            inode,
        })
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    #[test]
    fn only_code_that_nobody_can_write_to_is_meant() {
        let line = |access| format!("55d1af4f0000-55d1af4f2000 {access} 00001000 fe:00 77  /x y");
        let code = Code {
            start: 0x55d1_af4f_0000,
            length: 0x2000,
            inode: 77,
        };
        assert_eq!(Code::of(&line("r-xp")), Some(code));
        for other in ["r--p", "rw-p", "rwxp", "r-xs", "---p"] {
            assert_eq!(Code::of(&line(other)), None, "{other}");
        }
        for nonsense in [
            "",
            "x",
            "1-2",
            "1-2 r-xp",
            "2-1 r-xp 0 fe:00 7",
            "g-h r-xp 0 fe:00 7",
        ] {
            assert_eq!(Code::of(nonsense), None, "{nonsense}");
        }
    }

    /// Kilobytes of files that this process has mapped pages of.
    fn of_files() -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("RssFile:"));
        let size = line.unwrap().trim().trim_end_matches(" kB");
        size.parse().unwrap()
    }

    #[test]
    fn code_is_unmapped_and_still_runs() {
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        assert!(maps.lines().any(|line| Code::of(line).is_some()), "{maps}");
        let before = of_files();
        give_code_back();
        let after = of_files();
        // Other tests run meanwhile, and have theirs mapped again.
        assert!(after < before, "{after} of {before}");
    }
}
