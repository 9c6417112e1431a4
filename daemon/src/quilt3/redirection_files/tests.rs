use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::*;

struct Desk {
    dir: tempfile::TempDir,
    sdk_files: SdkFiles,
}

impl Desk {
    fn new() -> Self {
        let dir = tempfile::TempDir::new().unwrap();
        let sdk_files = SdkFiles::new(&dir.path().join("Quilt"), &dir.path().join("state"));
        fs::create_dir(dir.path().join("Quilt")).unwrap();
        Self { dir, sdk_files }
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.dir.path().join("Quilt").join(name), text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.dir.path().join("Quilt").join(name)).unwrap()
    }

    fn remove(&self, name: &str) {
        fs::remove_file(self.dir.path().join("Quilt").join(name)).unwrap();
    }

    /// Every file of the SDK but its own backups.
    fn files(&self) -> Vec<(String, String)> {
        let mut files: Vec<_> = fs::read_dir(self.dir.path().join("Quilt"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .map(|path| {
                let name = path.file_name().unwrap().to_str().unwrap().to_owned();
                (name, fs::read_to_string(path).unwrap())
            })
            .filter(|(name, _)| !name.contains(".backup."))
            .collect();
        files.sort();
        files
    }

    fn set_up(&self, catalog: &str, grant: Option<&str>) -> Result<bool, SdkFileError> {
        let registry = catalog.replace("https://", "https://registry.");
        let published = json!({"registryUrl": registry, "region": "eu-west-1"});
        let lead = Target {
            catalog: &catalog.parse().unwrap(),
            registry: &registry.parse().unwrap(),
            published: published.as_object().unwrap(),
            gateway: &gateway(),
        };
        let grant = grant.map(Secret::new);
        self.sdk_files
            .set_up(&lead, grant.as_ref().map(|token| (token, 5)))
    }
}

fn gateway() -> RegistryUrl {
    "http://127.0.0.1:7".parse().unwrap()
}

const ONE: &str = "https://one.example";
const TWO: &str = "https://two.example";

#[test]
fn undoing_restores_every_byte() {
    let config = "# mine\nnavigator_url: https://one.example\nregistryUrl: \"https://registry.one.example\" # x\n";
    for before in [
        &[][..],
        &[("config.yml", config)],
        &[
            ("config.yml", config),
            ("auth.json", "{\"https://registry.one.example\":{\"x\":1}}"),
            ("credentials.json", "{\"access_key\": \"old\"}"),
        ],
    ] {
        let desk = Desk::new();
        for (name, text) in before {
            desk.write(name, text);
        }
        let files = desk.files();
        assert!(desk.set_up(ONE, Some("grant")).unwrap());
        assert_eq!(desk.sdk_files.drifts(&gateway()).unwrap(), []);
        assert!(!desk.set_up(ONE, None).unwrap(), "nothing is left to do");
        assert!(desk.sdk_files.undo().unwrap());
        assert!(!desk.sdk_files.undo().unwrap());
        assert_eq!(desk.files(), files);
    }
}

#[test]
fn what_changed_meanwhile_stays_changed() {
    let desk = Desk::new();
    desk.set_up(ONE, Some("grant")).unwrap();
    let path = desk.dir.path().join("Quilt/config.yml");
    let text = fs::read_to_string(&path).unwrap() + "my_own: kept\n";
    fs::write(&path, text).unwrap();
    desk.sdk_files.undo().unwrap();
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains("my_own: kept"), "{text}");
    assert!(text.contains("https://registry.one.example"), "{text}");
    assert!(!text.contains("127.0.0.1"), "{text}");
}

#[test]
fn it_follows_to_another_catalog() {
    let desk = Desk::new();
    desk.set_up(ONE, Some("grant")).unwrap();
    assert!(desk.set_up(TWO, Some("other")).unwrap());
    let redirection = desk.sdk_files.redirection().unwrap().unwrap();
    assert_eq!(redirection.catalog_url.as_str(), TWO);
    let grant = desk.sdk_files.grant(&gateway()).unwrap().unwrap();
    assert_eq!(grant.expose(), "other");
    assert_eq!(
        desk.sdk_files.config.catalog().unwrap().unwrap().as_str(),
        TWO
    );
}

/// The record is what secrets of programs go by.
#[test]
fn a_set_up_that_fails_leaves_the_record_of_the_one_before() {
    let desk = Desk::new();
    desk.set_up(ONE, Some("grant")).unwrap();
    let before = desk.sdk_files.redirection().unwrap();
    // What others may write is not replaced by the placeholder.
    let credentials = desk.dir.path().join("Quilt/credentials.json");
    fs::write(&credentials, "others'").unwrap();
    let mode = |mode| fs::set_permissions(&credentials, fs::Permissions::from_mode(mode)).unwrap();
    mode(0o666);
    desk.set_up(TWO, None).unwrap_err();
    assert_eq!(desk.sdk_files.redirection().unwrap(), before);
    // The control.
    mode(0o600);
    desk.set_up(TWO, None).unwrap();
    assert_ne!(desk.sdk_files.redirection().unwrap(), before);
}

#[test]
fn whatever_of_it_was_written_undoing_restores_every_byte() {
    let own = "navigator_url: https://one.example\nregistryUrl: https://registry.one.example\n";
    let auth = "{\"https://registry.one.example\": {\"z\": 1, \"a\": 1}}";
    for before in [None, Some(own), Some("# none\n")] {
        // Each state of the files that the daemon may have been killed in.
        for written in 0..4 {
            for again in [None, Some(ONE), Some(TWO)] {
                let desk = Desk::new();
                desk.write("auth.json", auth);
                desk.write("credentials.json", "own");
                if let Some(before) = before {
                    desk.write("config.yml", before);
                }
                let files = desk.files();
                desk.set_up(ONE, Some("grant")).unwrap();
                if written < 3 {
                    match before {
                        Some(before) => desk.write("config.yml", before),
                        None => desk.remove("config.yml"),
                    }
                }
                if written < 2 {
                    desk.write("auth.json", auth);
                }
                if written < 1 {
                    desk.sdk_files.placeholder.undo().unwrap();
                }
                if let Some(catalog) = again {
                    desk.set_up(catalog, Some("other")).unwrap();
                }
                desk.sdk_files.undo().unwrap();
                assert_eq!(desk.files(), files, "{written} {again:?}");
            }
        }
    }
}

#[test]
fn following_that_was_cut_off_loses_nothing() {
    let desk = Desk::new();
    desk.set_up(ONE, Some("grant")).unwrap();
    let led = desk.read("config.yml");
    for again in [Some(TWO), Some(ONE), None] {
        desk.set_up(TWO, Some("other")).unwrap();
        desk.write("config.yml", &led);
        if let Some(catalog) = again {
            desk.set_up(catalog, Some("other")).unwrap();
        }
        desk.sdk_files.undo().unwrap();
        assert_eq!(desk.files(), [], "{again:?}");
        desk.set_up(ONE, Some("grant")).unwrap();
    }
}

#[test]
fn an_interruption_at_any_point_is_mended_by_either() {
    // Each file may not have been written yet when the daemon was killed.
    for lost in ["config.yml", "auth.json", "credentials.json"] {
        for again in [true, false] {
            let desk = Desk::new();
            desk.set_up(ONE, Some("grant")).unwrap();
            fs::remove_file(desk.dir.path().join("Quilt").join(lost)).unwrap();
            if again {
                let grant = (lost == "auth.json").then_some("grant");
                desk.set_up(ONE, grant).unwrap();
                assert_eq!(desk.sdk_files.drifts(&gateway()).unwrap(), []);
                assert!(desk.sdk_files.placeholder.is_there());
            }
            desk.sdk_files.undo().unwrap();
            assert!(desk.sdk_files.redirection().unwrap().is_none());
            let left = desk.files();
            assert!(
                left.iter().all(|(_, text)| !text.contains("127.0.0.1")),
                "{left:?}"
            );
        }
    }
}

#[test]
fn undoing_restores_permission_bits() {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    let names = ["config.yml", "auth.json"];
    let desk = Desk::new();
    let path = |name: &str| desk.dir.path().join("Quilt").join(name);
    let modes = || names.map(|name| fs::metadata(path(name)).unwrap().permissions().mode() & 0o777);
    desk.write("config.yml", "navigator_url: https://one.example\n");
    desk.write("auth.json", "{\"https://r.example\": {\"x\": 1}}");
    for name in names {
        fs::set_permissions(path(name), Permissions::from_mode(0o644)).unwrap();
    }
    desk.set_up(ONE, Some("grant")).unwrap();
    assert_eq!(modes()[1], 0o600, "a grant is in it");
    // As an editor may replace it.
    fs::set_permissions(path("config.yml"), Permissions::from_mode(0o600)).unwrap();
    desk.set_up(ONE, Some("other")).unwrap();
    desk.sdk_files.undo().unwrap();
    assert_eq!(modes(), [0o644; 2]);

    desk.remove("auth.json");
    desk.remove("config.yml");
    desk.set_up(ONE, Some("grant")).unwrap();
    desk.sdk_files.undo().unwrap();
    assert!(!path("auth.json").exists());
}
