use super::*;

#[test]
fn what_the_manager_says_is_read() {
    let state = State::parse(
        "MainPID=0\nActiveState=failed\nUnitFileState=enabled\n\nActiveState=inactive\n",
    );
    let (main_pid, enabled, failed) = (None, true, true);
    assert_eq!(
        state,
        State {
            main_pid,
            enabled,
            failed
        }
    );
    assert_eq!(State::parse("MainPID=7\n").main_pid, Some(7));
    assert_eq!(State::parse("").main_pid, None);
}

#[test]
fn the_units_hold_the_paths() {
    for program in [
        "/opt/my tools/100%/quiltd",
        "/opt/%h/$HOME/$$/quiltd",
        "/opt/a#;=*/quiltd",
        "/opt/öü/quiltd",
    ] {
        let text = service(program).unwrap();
        let line = format!("\nExecStart=\"{}\"\n", program.replace('%', "%%"));
        assert!(text.contains(&line), "{text}");
        assert_eq!(text.lines().count(), SERVICE_UNIT.lines().count() + 1);
        assert!(text.starts_with(&unit::marked("")), "{text}");
        assert_eq!(starts(&text).as_deref(), Some(program), "read as written");
    }
    assert!(socket_unit(None).unwrap().ends_with(SOCKET_UNIT));
    let socket = socket_unit(Some("/run/s%\\n.sock")).unwrap();
    assert!(socket.contains("\nListenStream=/run/s%%\\n.sock\n"));
}

#[test]
fn a_path_that_a_unit_cannot_hold_is_refused() {
    for program in ["/opt/a'q/quiltd", "/opt/a\"q/quiltd", "/opt/a\\nq/quiltd"] {
        assert!(service(program).is_err(), "{program}");
    }
    for socket in ["/run/s\\", "/run/s ", "/run/s\u{2003}"] {
        assert!(socket_unit(Some(socket)).is_err(), "{socket:?}");
    }
}
