use std::fs;

use tempfile::TempDir;

use super::*;

fn file() -> (TempDir, ConfigFile) {
    let dir = TempDir::new().unwrap();
    let file = ConfigFile::new(dir.path().join("Quilt"));
    (dir, file)
}

fn catalog() -> CatalogUrl {
    "https://demo.quilt.example".parse().unwrap()
}

#[test]
fn without_a_file_there_are_the_defaults() {
    let (dir, file) = file();
    let values = file.read().unwrap();
    assert_eq!(values["default_registry_version"], json!(1));
    let packages = values["default_local_registry"].as_str().unwrap();
    assert!(packages.starts_with("file:///") && packages.ends_with("/Quilt/packages"));
    assert_eq!(file.catalog().unwrap(), None);
    assert!(
        !dir.path().join("Quilt").exists(),
        "reading creates nothing"
    );
}

#[test]
fn a_catalog_replaces_it_and_the_old_file_is_kept() {
    let (_dir, file) = file();
    let published = json!({
        "registryUrl": "https://registry.example", "region": "eu-west-1",
        "unknown": 1, "some_url": "nonsense", "apiGatewayEndpoint": {"odd": true},
    });
    file.replace(&catalog(), published.as_object().unwrap())
        .unwrap();
    file.reset().unwrap();
    file.replace(&catalog(), published.as_object().unwrap())
        .unwrap();
    let values = file.read().unwrap();
    assert_eq!(values["region"], json!("eu-west-1"));
    assert_eq!(values["navigator_url"], json!("https://demo.quilt.example"));
    assert!(!values.contains_key("unknown") && !values.contains_key("some_url"));
    let backups = fs::read_dir(&file.dir)
        .unwrap()
        .filter(|entry| {
            let name = entry.as_ref().unwrap().file_name();
            name.to_string_lossy().starts_with("config.yml.backup.")
        })
        .count();
    assert_eq!(backups, 2);
}

#[test]
fn values_merge_with_their_types_and_keep_the_rest() {
    let (_dir, file) = file();
    fs::create_dir_all(&file.dir).unwrap();
    fs::write(
        file.path(),
        "# mine\nregion: 'us-east-1'\nmy_own: kept\nnavigator_url:\n",
    )
    .unwrap();
    let changes = json!({
        "telemetry_disabled": "true", "navigator_url": "https://demo.quilt.example/",
        "default_registry_version": 2, "s3Proxy": "",
    });
    file.merge(&serde_json::from_value(changes).unwrap())
        .unwrap();
    let values = file.read().unwrap();
    assert_eq!(values["telemetry_disabled"], json!(true));
    assert_eq!(values["default_registry_version"], json!(2));
    assert_eq!(values["my_own"], json!("kept"));
    assert_eq!(values["region"], json!("us-east-1"));
    assert_eq!(file.catalog().unwrap(), Some(catalog()));
}

#[test]
fn bad_changes_change_nothing() {
    let (_dir, file) = file();
    file.reset().unwrap();
    let before = fs::read(file.path()).unwrap();
    for (key, value) in [
        ("nonsense", json!("x")),
        ("navigator_url", json!("demo")),
        ("telemetry_disabled", json!("perhaps")),
        ("default_registry_version", json!(3)),
        ("region", json!(["a"])),
    ] {
        let changes = ConfigValues::from([(key.to_owned(), value)]);
        assert!(file.merge(&changes).is_err(), "{key}");
    }
    assert_eq!(fs::read(file.path()).unwrap(), before);
}

#[test]
fn a_pipe_or_a_giant_in_its_place_stops_nothing() {
    let (_dir, file) = file();
    fs::create_dir_all(&file.dir).unwrap();
    let made = std::process::Command::new("mkfifo")
        .arg(file.path())
        .status();
    assert!(made.unwrap().success());
    // What takes it away is known.
    let error = file.read().unwrap_err();
    assert!(
        error.to_string().contains("is not a regular file"),
        "{error}"
    );
    fs::remove_file(file.path()).unwrap();
    fs::write(file.path(), vec![b'#'; 2 * 1024 * 1024]).unwrap();
    assert!(matches!(file.read(), Err(ConfigError::Broken { .. })));
}

#[test]
fn a_broken_file_is_reported_and_left_alone() {
    let (_dir, file) = file();
    fs::create_dir_all(&file.dir).unwrap();
    for broken in ["- a\n- b\n", "a: [", "just text"] {
        fs::write(file.path(), broken).unwrap();
        let error = file.merge(&ConfigValues::new()).unwrap_err();
        assert!(
            matches!(error, ConfigError::Broken { .. }),
            "{broken}: {error}"
        );
        assert_eq!(fs::read_to_string(file.path()).unwrap(), broken);
    }
}

#[test]
fn who_changes_it_at_once_loses_nothing_of_each_other() {
    let dir = TempDir::new().unwrap();
    let file = ConfigFile::new(dir.path().to_owned());
    let keys = ["default_install_location", "binaryApiGatewayEndpoint"];
    for round in 0..30 {
        let value = json!(format!("v{round}"));
        std::thread::scope(|scope| {
            for key in keys {
                let (file, value) = (file.clone(), value.clone());
                let change = ConfigValues::from([(key.to_owned(), value)]);
                scope.spawn(move || file.merge(&change).unwrap());
            }
        });
        let kept = file.read().unwrap();
        assert!(keys.iter().all(|key| kept[*key] == value), "{kept:?}");
    }
}

#[test]
fn a_pipe_in_its_place_stops_nobody() {
    let (_dir, file) = file();
    fs::create_dir(&file.dir).unwrap();
    let made = std::process::Command::new("mkfifo")
        .arg(file.path())
        .status();
    assert!(made.unwrap().success());
    let error = file.write("a: 1", true).unwrap_err();
    assert!(error.to_string().contains("it is not a file"), "{error}");
    assert!(file.write("a: 1", true).is_err());
}
