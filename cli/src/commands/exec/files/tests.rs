//! What is hidden of the users' files, and what is not.

use super::*;

fn copy(text: &str, kind: Kind) -> Option<String> {
    let copy = without_default_credentials(text.as_bytes(), kind)?;
    Some(String::from_utf8(copy.to_vec()).unwrap())
}

#[test]
fn only_what_gives_the_default_profile_credentials_goes() {
    let config = "# mine\r\n[default]\r\nregion = eu-west-1\r\nsso_session = s\r\n\
                  SSO_Account_ID = 1\r\ns3 =\r\n  addressing_style = path\r\n\
                  credential_process = a \\\r\n    b\r\noutput = json\r\n\
                  [profile default]\r\nrole_arn = r\r\nsource_profile = p\r\n\
                  [profile p]\r\naws_access_key_id = AKIAP\r\n[sso-session s]\r\nsso_region = x\r\n";
    assert_eq!(
        copy(config, Kind::Config).unwrap(),
        "# mine\r\n[default]\r\nregion = eu-west-1\r\ns3 =\r\n  addressing_style = path\r\n\
         output = json\r\n[profile default]\r\n\
         [profile p]\r\naws_access_key_id = AKIAP\r\n[sso-session s]\r\nsso_region = x\r\n"
    );
    let credentials = "[work]\naws_access_key_id = A\n[default]\naws_access_key_id = B\n\
                       aws_secret_access_key = C\naws_session_token = D";
    assert_eq!(
        copy(credentials, Kind::Credentials).unwrap(),
        "[work]\naws_access_key_id = A\n[default]\n"
    );
    assert_eq!(
        copy(
            "[Credentials]\naws_access_key_id = A\n[Boto]\ndebug = 1\n",
            Kind::Boto
        )
        .unwrap(),
        "[Credentials]\n[Boto]\ndebug = 1\n"
    );
}

#[test]
fn of_s3cmds_file_only_the_keys_go() {
    let text = "secret_key = B\n[default]\naccess_key = A\nhost_base = s3.example.com\n\
                access_token=C\n[work]\naccess_key = W\nuse_https = True\n";
    let copy = without_s3cmd_keys(text.as_bytes()).unwrap();
    assert_eq!(
        String::from_utf8(copy.to_vec()).unwrap(),
        "[default]\nhost_base = s3.example.com\n[work]\nuse_https = True\n"
    );
    assert!(without_s3cmd_keys(b"[default]\nuse_https = True\n").is_none());
}

#[test]
fn a_region_goes_into_the_file_where_a_variable_would_win_over_another_profiles() {
    let with = |text: &str| {
        let copy = with_default_region(text.as_bytes(), "eu-west-1")?;
        Some(String::from_utf8(copy.to_vec()).unwrap())
    };
    for same in [
        "",
        "[default]\nregion = x\n",
        "[profile a]\nregion = eu-west-1\n",
    ] {
        assert_eq!(with(same), None, "{same}");
    }
    assert_eq!(
        with("# c\n[default]\nregion = x\nrole_arn = r\noutput = json\n[profile a]\nregion = y")
            .unwrap(),
        "# c\n[default]\n\nregion = eu-west-1\noutput = json\n[profile a]\nregion = y"
    );
    assert_eq!(
        with("[profile a]\nregion = y").unwrap(),
        "[profile a]\nregion = y\n[default]\nregion = eu-west-1\n"
    );
}

#[test]
fn whatever_some_sdk_takes_for_the_default_profile_is_hidden() {
    let keys = "aws_access_key_id = A\naws_secret_access_key = B\n";
    for (header, kind) in [
        ("[DEFAULT]", Kind::Credentials),
        ("[DEFAULT]", Kind::Config),
        ("[DEFAULT]", Kind::Boto),
        ("[Credentials]", Kind::Boto),
        ("[profiles default]", Kind::Config),
        ("[profile de\"fau\"lt]", Kind::Config),
        ("[profile d\\efault]", Kind::Config),
        ("  [ default ]  # mine", Kind::Credentials),
    ] {
        let text = format!("{header}\n{keys}");
        assert_eq!(copy(&text, kind).unwrap(), format!("{header}\n"));
    }
    for header in ["[default-2]", "[profile defaults]", "[mydefault]"] {
        assert_eq!(
            copy(&format!("{header}\n{keys}"), Kind::Config),
            None,
            "{header}"
        );
    }
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("credentials");
    std::fs::write(&file, "[default]\raws_access_key_id = A\r\n[b]\r").unwrap();
    assert_eq!(
        *content(&file),
        b"[default]\naws_access_key_id = A\r\n[b]\n"
    );
}

#[test]
fn a_file_with_nothing_to_hide_stays_the_users_own() {
    for (text, kind) in [
        ("", Kind::Config),
        (
            "[default]\nregion = x\n[profile a]\nrole_arn = r\n",
            Kind::Config,
        ),
        ("[work]\naws_access_key_id = A\n", Kind::Credentials),
        ("[Boto]\ndebug = 1\n", Kind::Boto),
    ] {
        assert_eq!(copy(text, kind), None, "{text}");
    }
}

#[test]
fn keys_that_some_sdk_takes_for_keys_are_hidden_however_they_are_indented() {
    let text = "[default]\nregion = x\n  aws_access_key_id = A\n  aws_secret_access_key = B\n";
    assert_eq!(
        copy(text, Kind::Credentials).unwrap(),
        "[default]\nregion = x\n"
    );
}
