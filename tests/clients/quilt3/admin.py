"""Calls everything in quilt3.admin, as an admin would, and prints what came of each call.

One JSON line a call: its name and what it answered, or the kind of its error. Identifiers and times
differ from run to run and are replaced. Fails if a public function of quilt3.admin was not called.

With a code on stdin, logs in to --catalog by itself first; else the SDK's files are as they are.
"""

import argparse
import contextlib
import dataclasses
import datetime
import inspect
import json
import os
import re
import sys

os.environ["QUILT_DISABLE_USAGE_METRICS"] = "True"

import quilt3  # noqa: E402
import quilt3.admin  # noqa: E402
from quilt3.admin import (  # noqa: E402
    api_keys,
    buckets,
    policies,
    roles,
    sso_config,
    tabulator,
    types,
    users,
)

MODULES = [api_keys, buckets, policies, roles, sso_config, tabulator, users]
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
FINGERPRINT = re.compile(r"qk_[^\"]*\.\.\.[^\"]*")
CALLED = set()


def plain(value):
    if dataclasses.is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if hasattr(value, "model_dump"):
        return plain(value.model_dump())
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    if isinstance(value, datetime.datetime):
        return "TIME"
    if isinstance(value, str):
        return FINGERPRINT.sub("FINGERPRINT", UUID.sub("ID", value))
    return value


def call(function, *args, **kwargs):
    """Calls a function and says what came of it; answers that, or nothing after an error."""
    module = function.__module__.rpartition(".")[2]
    name = f"{module}.{function.__name__}"
    CALLED.add(name)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            answer = function(*args, **kwargs)
        said = {"call": name, "answer": plain(answer)}
    except Exception as error:  # which one it is, is what is compared
        answer = None
        said = {"call": name, "error": type(error).__name__, "text": plain(str(error))}
    print(json.dumps(said, sort_keys=True), flush=True)
    return answer


def all_of_roles():
    managed = call(roles.create_managed, "Analysts", policies=[])
    call(roles.create_managed, "Analysts")
    call(roles.create_managed, "not a name")
    arn = "arn:aws:iam::123456789012:role/theirs"
    unmanaged = call(roles.create_unmanaged, "Theirs", arn)
    call(roles.get, managed.id)
    call(roles.get, "Theirs")
    call(roles.get, "Nobody")
    call(roles.list)
    call(roles.update_managed, "Analysts", name="Analysts2", policies=[])
    call(roles.update_unmanaged, "Theirs", name="Theirs", arn=arn + "2")
    call(roles.update_managed, "Theirs", name="Theirs", policies=[])
    call(roles.patch_managed, "Analysts2", name="Analysts")
    call(roles.patch_unmanaged, unmanaged.id, arn=arn)
    call(roles.get_default)
    call(roles.set_default, "Analysts")
    call(roles.set_default, "Nobody")
    call(roles.get_default)
    call(roles.set_default, "ReadWriteQuiltBucket")
    call(roles.delete, "ReadWriteQuiltBucket")
    call(roles.delete, "Theirs")
    if hasattr(types, "RoleSignup"):
        signup = types.RoleSignup(page="join", access_code="1234", title="Join")
        call(roles.create_managed, "Joining", default_bucket="demo-bucket", signup=signup)
        call(roles.create_managed, "Joining2", signup=signup)
        call(roles.patch_managed, "Joining", name="Joining")
        call(roles.patch_managed, "Joining", signup=None, default_bucket=None)
        call(roles.delete, "Joining")


def all_of_policies():
    permissions = [types.Permission(bucket="demo-bucket", level="READ")]
    analysts = roles.get("Analysts")
    call(policies.create_managed, "Reading", permissions=permissions, roles=[analysts.id])
    call(policies.create_managed, "Reading", permissions=permissions)
    arn = "arn:aws:iam::123456789012:policy/theirs"
    call(policies.create_unmanaged, "Theirs", arn=arn)
    call(policies.create_unmanaged, "Theirs2", arn=arn)
    call(policies.get, "Reading")
    call(policies.get, "Nothing")
    call(policies.list)
    wider = [types.Permission(bucket="demo-bucket", level="READ_WRITE")]
    call(policies.update_managed, "Reading", title="Writing", permissions=wider, roles=[])
    call(policies.update_unmanaged, "Theirs", title="Theirs3", arn=arn + "3", roles=[])
    call(policies.patch_managed, "Writing", roles=[analysts.id])
    call(policies.patch_unmanaged, "Theirs3", title="Theirs")
    call(policies.patch_managed, "Theirs", title="x")
    call(roles.get, "Analysts")
    call(policies.delete, "Theirs")
    call(policies.delete, "Theirs")


def all_of_users():
    call(users.list)
    call(users.create, "carol", "carol@example.com", "Analysts")
    call(users.create, "carol", "other@example.com", "Analysts")
    call(users.create, "dave", "nowhere", "Analysts")
    call(users.create, "dave", "dave@example.com", "Nobody")
    call(users.get, "carol")
    call(users.get, "nobody")
    call(users.set_email, "carol", "carol2@example.com")
    call(users.set_email, "nobody", "x@example.com")
    call(users.set_admin, "carol", True)
    call(users.set_active, "carol", False)
    call(users.reset_password, "carol")
    call(users.add_roles, "carol", ["ReadWriteQuiltBucket"])
    call(users.set_role, "carol", "ReadWriteQuiltBucket", ["Analysts"])
    call(users.set_role, "carol", "Analysts", append=True)
    call(users.set_role, "carol", "Nobody")
    call(users.remove_roles, "carol", ["Analysts"], fallback="ReadWriteQuiltBucket")
    call(users.remove_roles, "carol", ["ReadWriteQuiltBucket"])
    call(users.delete, "carol")
    call(users.delete, "carol")


def all_of_buckets():
    call(buckets.list)
    call(buckets.get, "demo-bucket")
    call(buckets.get, "nowhere")
    call(buckets.remove, "demo-bucket")
    call(buckets.remove, "demo-bucket")
    call(buckets.add, "nowhere", "Nowhere")
    call(buckets.add, "demo-bucket", "Demo", file_extensions_to_index=["txt"])
    call(buckets.add, "demo-bucket", "Demo", index_content_bytes=-1)
    call(buckets.add, "demo-bucket", "Demo", sns_notification_arn="nonsense")
    call(buckets.add, "demo-bucket", "Demo", tags=["a"], browsable=True, prefixes=["data/"])
    call(buckets.add, "demo-bucket", "Demo")
    call(buckets.update, "demo-bucket", "Demo 2", description="More", relevance_score=5)
    call(buckets.update, "nowhere", "Nowhere")


def all_of_the_rest():
    config = "schema:\n- name: a\n  type: STRING\n"
    call(tabulator.list_tables, "demo-bucket")
    call(tabulator.list_tables, "nowhere")
    call(tabulator.set_table, "demo-bucket", "things", config)
    call(tabulator.set_table, "demo-bucket", "Not A Name", config)
    call(tabulator.set_table, "demo-bucket", "things", "nonsense")
    call(tabulator.rename_table, "demo-bucket", "things", "others")
    call(tabulator.rename_table, "demo-bucket", "things", "others")
    call(tabulator.list_tables, "demo-bucket")
    call(tabulator.set_table, "demo-bucket", "others", None)
    call(tabulator.get_open_query)
    call(tabulator.set_open_query, True)
    call(tabulator.get_open_query)

    call(sso_config.get)
    call(sso_config.set, "nonsense")
    call(sso_config.set, "version: '1.0'\nmappings:\n- role: Analysts\n")
    call(sso_config.get)
    call(roles.set_default, "Analysts")
    call(roles.delete, "Analysts")
    call(sso_config.set, None)
    call(roles.delete, "Analysts")

    key, _ = quilt3.api_keys.create("own", expires_in_days=1)
    call(api_keys.list)
    call(api_keys.list, key_name="own")
    call(api_keys.get, key.id)
    call(api_keys.revoke, key.id)
    call(api_keys.revoke, key.id)


def public():
    for module in MODULES:
        for name, value in vars(module).items():
            is_own = inspect.isfunction(value) and value.__module__ == module.__name__
            if is_own and not name.startswith("_"):
                yield f"{module.__name__.rpartition('.')[2]}.{name}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--catalog", required=True)
    options = parser.parse_args()
    code = sys.stdin.read().strip()
    if code:
        quilt3.config(options.catalog)
        quilt3.session.login_with_token(code)
    for part in (all_of_roles, all_of_policies, all_of_users, all_of_buckets, all_of_the_rest):
        part()
    missed = sorted(set(public()) - CALLED)
    if missed:
        sys.exit(f"not called: {missed}")


main()
