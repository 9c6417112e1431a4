//! What Linux says of a process in `/proc/PID/status` (proc(5)).

/// The value of a field, without the white space around it: `of(text, "Name")`.
pub fn field<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = status.lines();
    lines.find_map(|line| Some(line.strip_prefix(name)?.strip_prefix(':')?.trim()))
}

/// The first word of a field: of several numbers, the first.
pub fn word<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    field(status, name)?.split_whitespace().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_its_whole_name() {
        let status = "Name:\tquiltd\nVmLck:\t       4 kB\nUid:\t1\t2\t3\t4\n";
        assert_eq!(field(status, "Name"), Some("quiltd"));
        assert_eq!(field(status, "VmLck"), Some("4 kB"));
        assert_eq!(word(status, "VmLck"), Some("4"));
        assert_eq!(word(status, "Uid"), Some("1"));
        assert_eq!(field(status, "Na"), None);
        assert_eq!(field("Name", "Name"), None);
    }
}
