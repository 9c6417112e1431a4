//! quilt3's admin calls, every one, by itself and through the gateway.

use std::collections::BTreeMap;
use std::process::Stdio;

use quilt_tests::harness::World;
use quilt_tests::harness::toolchain::{Python, Venv};
use serde_json::Value;

use super::with_input;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/clients/quilt3/admin.py");

/// What came of each call, in order, and what the stack was asked how often.
struct Drive {
    said: Vec<Value>,
    operations: BTreeMap<String, u64>,
}

/// Drives every call. With a code, quilt3 logs in by itself.
async fn drive(world: &World, venv: Venv, code: &str) -> Drive {
    let python = tokio::task::spawn_blocking(move || Python::prepare(venv));
    let python = python.await.unwrap().expect("Python 3 is there");
    let before = world.stack.control().counts().operations;
    let mut command = world.home.command(python.program("python"));
    command
        .arg(SCRIPT)
        .args(["--catalog", world.stack.catalog_url()])
        .env("AWS_ENDPOINT_URL_S3", world.stack.s3_url())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let said = with_input(&mut command, code).await.ok();
    let said = said.lines().map(|line| serde_json::from_str(line).unwrap());
    let mut operations = world.stack.control().counts().operations;
    operations.retain(|name, count| {
        *count -= before.get(name).copied().unwrap_or_default();
        *count > 0
    });
    Drive {
        said: said.collect(),
        operations,
    }
}

async fn same_either_way(venv: Venv) -> Vec<Value> {
    let own = World::start().await;
    let code = own.stack.control().login_code("alice").unwrap();
    let own = drive(&own, venv, &code).await;
    let wired = World::logged_in().await;
    wired.ctl(&["setup", "quilt3"]).await.ok();
    let wired = drive(&wired, venv, "").await;
    for (own, wired) in own.said.iter().zip(&wired.said) {
        assert_eq!(own, wired);
    }
    assert_eq!(own.said.len(), wired.said.len());
    assert_eq!(own.operations, wired.operations);
    own.said
}

/// That what a stack should answer is answered: a call that must work did, and
/// one that must fail failed as it does there.
fn look(said: &[Value]) {
    let errors: Vec<_> = said
        .iter()
        .filter_map(|said| Some((said["call"].as_str()?, said["error"].as_str()?)))
        .collect();
    // Both kinds are there: a script that fails in all it does says nothing.
    assert!(errors.len() * 3 < said.len() * 2, "{errors:?}");
    for expected in [
        ("roles.create_managed", "RoleNameExistsError"),
        ("roles.create_managed", "RoleNameInvalidError"),
        ("roles.update_managed", "RoleTypeMismatchError"),
        ("roles.set_default", "RoleNotFoundError"),
        ("roles.set_default", "RoleSsoConfigConflictError"),
        ("roles.delete", "RoleAssignedError"),
        ("roles.delete", "RoleSsoConfigConflictError"),
        ("policies.create_managed", "PolicyTitleExistsError"),
        ("policies.create_unmanaged", "PolicyArnExistsError"),
        ("policies.delete", "PolicyNotFoundError"),
        ("users.create", "Quilt3AdminError"),
        ("users.delete", "UserNotFoundError"),
        ("buckets.remove", "BucketNotFoundError"),
        ("buckets.update", "BucketNotFoundError"),
        ("tabulator.list_tables", "BucketNotFoundError"),
        ("tabulator.set_table", "Quilt3AdminError"),
        ("sso_config.set", "Quilt3AdminError"),
    ] {
        assert!(errors.contains(&expected), "no {expected:?} in {errors:?}");
    }
    let of_quilt3 = |(_, error): &(&str, &str)| error.ends_with("Error") && error.len() > 9;
    assert!(errors.iter().all(of_quilt3), "{errors:?}");
    let strange = ["ValidationError", "TypeError", "AttributeError", "KeyError"];
    let strange: Vec<_> = errors
        .iter()
        .filter(|(_, it)| strange.contains(it))
        .collect();
    assert!(strange.is_empty(), "{strange:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_admin_call_of_quilt3_is_the_same_by_itself_and_through_the_gateway() {
    look(&same_either_way(Venv::Sdk).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn so_it_is_with_the_next_quilt3() {
    let said = same_either_way(Venv::NextQuilt3).await;
    look(&said);
    let conflict = |it: &Value| it["error"] == "RoleSignupPageConflictError";
    assert!(said.iter().any(conflict), "{said:?}");
}
