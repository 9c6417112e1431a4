use super::*;

#[test]
fn hosts_show_no_credentials() {
    assert_eq!(
        host("https://u:p@h.example:8443/x?token=t"),
        "h.example:8443"
    );
}
