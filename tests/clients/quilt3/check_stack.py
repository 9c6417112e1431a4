#!/usr/bin/env python3
"""Drives the real quilt3 through a fake stack; exits non-zero on the first thing it cannot do.

    check_stack.py --catalog URL --control URL --s3 URL

or with QUILT_CATALOG, FAKE_STACK_CONTROL and AWS_ENDPOINT_URL_S3 in the environment, as
`fake-stack --print-env` prints them. Works in a throw-away home. quilt3 itself is not changed;
only the browser and the terminal it asks for the code are played by this script.
"""

import argparse
import html.parser
import json
import os
import pathlib
import sys
import tempfile
import urllib.parse
import urllib.request

STEPS = []


def step(check):
    """Registers a check, to be run in the order of the file."""
    STEPS.append(check)
    return check


def expect(condition, what):
    if not condition:
        raise AssertionError(what)


def expect_error(kind, text, call):
    try:
        call()
    except kind as error:
        expect(text in str(error), f"expected {text!r} in {error!r}")
        return
    raise AssertionError(f"expected {kind.__name__} ({text})")


class Page(html.parser.HTMLParser):
    """The forms, buttons and the code of a page, as a person sees them."""

    def __init__(self, text):
        super().__init__()
        self.action = None
        self.fields = {}
        self.buttons = []
        self.code = ""
        self._in_code = False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag == "form":
            self.action = attrs.get("action")
        elif tag == "input":
            self.fields[attrs["name"]] = attrs["value"]
        elif tag == "button":
            self.buttons.append((attrs["name"], attrs["value"]))
        elif attrs.get("id") == "code":
            self._in_code = True

    def handle_endtag(self, tag):
        self._in_code = False

    def handle_data(self, data):
        if self._in_code:
            self.code += data


class Person:
    """Clicks through the login page and types the code from it."""

    def __init__(self, user):
        self.user = user
        self.code = None

    def open_url(self, url):
        with urllib.request.urlopen(url) as response:
            page = Page(response.read().decode())
        expect(("user", self.user) in page.buttons, f"no button for {self.user}")
        form = urllib.parse.urlencode({**page.fields, "user": self.user}).encode()
        action = urllib.parse.urljoin(url, page.action)
        with urllib.request.urlopen(action, data=form) as response:
            expect(response.url.split("?")[0].endswith("/code"), "not led to /code")
            self.code = Page(response.read().decode()).code

    def getpass(self, prompt=""):
        expect(self.code, "no browser was opened")
        return self.code


class Control:
    def __init__(self, url):
        self.url = url

    def call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, method=method)
        request.add_header("content-type", "application/json")
        with urllib.request.urlopen(request) as response:
            text = response.read()
        return json.loads(text) if text else None


class Context:
    def __init__(self, options):
        self.catalog = options.catalog.rstrip("/")
        self.control = Control(options.control.rstrip("/") + "/_control")
        self.bucket = "demo-bucket"
        self.secret = None
        self.key_id = None


def log_in(context, user):
    import quilt3

    person = Person(user)
    quilt3.session.open_url = person.open_url
    quilt3.session.getpass.getpass = person.getpass
    quilt3.login()


@step
def configures_itself_from_the_catalog(context):
    import quilt3

    config = quilt3.config(context.catalog)
    expect(config["navigator_url"] == context.catalog, "navigator_url")
    expect(config["registryUrl"].startswith("http"), "registryUrl")
    expect(config["region"], "region")


@step
def is_logged_out_at_first(context):
    import quilt3

    expect(quilt3.logged_in() is None, "logged in")
    expect_error(quilt3.util.QuiltException, "No Quilt credentials",
                 lambda: quilt3.get_boto3_session(fallback=False))


@step
def logs_in_with_the_code_of_the_page(context):
    import quilt3

    log_in(context, "alice")
    expect(quilt3.logged_in() == context.catalog, "logged_in")


@step
def refuses_a_wrong_code(context):
    import quilt3

    expect_error(quilt3.util.QuiltException, "Authentication error",
                 lambda: quilt3.session.login_with_token("wrong"))


@step
def gives_an_aws_session(context):
    import quilt3

    client = quilt3.get_boto3_session(fallback=False).client("s3")
    names = [bucket["Name"] for bucket in client.list_buckets()["Buckets"]]
    expect(context.bucket in names, names)
    body = client.get_object(Bucket=context.bucket, Key="hello.txt")["Body"].read()
    expect(b"Hello" in body, body)


@step
def pushes_browses_and_lists_packages(context):
    import quilt3

    registry = f"s3://{context.bucket}"
    before = list(quilt3.list_packages(registry))
    expect("test/check" not in before, before)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "small.txt").write_text("small\n")
        # Large enough for a multipart upload.
        (folder / "large.bin").write_bytes(os.urandom(9 << 20))
        package = quilt3.Package().set_dir(".", str(folder), meta={"made": "here"})
        pushed = package.push("test/check", registry, message="first", force=True)
        expect("test/check" in list(quilt3.list_packages(registry)), "not listed")
        browsed = quilt3.Package.browse("test/check", registry)
        expect(browsed.top_hash == pushed.top_hash, "top hash")
        expect(browsed["small.txt"]() == "small\n", "content")
        browsed["large.bin"].fetch(str(folder / "again.bin"))
        large = (folder / "large.bin").read_bytes()
        expect((folder / "again.bin").read_bytes() == large, "large content")
    versions = list(quilt3.list_package_versions("test/check", registry))
    expect(("latest", pushed.top_hash) in versions, versions)
    # S3 to S3: copies on the server.
    copied = quilt3.Package.browse("test/check", registry)
    copied.push("test/copy", registry, force=True, selector_fn=lambda *_: True)
    quilt3.delete_package("test/copy", registry)
    expect("test/copy" not in list(quilt3.list_packages(registry)), "not deleted")


@step
def uses_a_bucket_directly(context):
    import quilt3

    bucket = quilt3.Bucket(f"s3://{context.bucket}")
    expect("hello.txt" in bucket.keys(), bucket.keys())
    folders, files, markers = bucket.ls("data/")
    expect(files, "no files under data/")


@step
def searches(context):
    import quilt3

    hits = quilt3.search("iris", limit=5)
    expect(any(hit["_source"]["key"] == "data/iris.csv" for hit in hits), hits)
    dsl = {"query": {"term": {"ext": ".json"}}}
    hits = quilt3.search(dsl)
    expect(hits and all(hit["_source"]["ext"] == ".json" for hit in hits), hits)
    expect_error(quilt3.util.QuiltException, "unknown query",
                 lambda: quilt3.search({"query": {"nonsense": {}}}))


@step
def manages_its_own_keys(context):
    import quilt3

    key, secret = quilt3.api_keys.create("check", expires_in_days=30)
    expect(secret.startswith("qk_"), "prefix")
    expect((key.expires_at - key.created_at).days == 30, "expiry")
    expect(key.user_email == "alice@example.com" and key.last_used_at is None, key)
    expect([k.id for k in quilt3.api_keys.list(name="check")] == [key.id], "list by name")
    expect([k.id for k in quilt3.api_keys.list(fingerprint=key.fingerprint)] == [key.id],
           "list by fingerprint")
    expect(key.id in [k.id for k in quilt3.api_keys.list(status="ACTIVE")], "list active")
    expect(key.id not in [k.id for k in quilt3.api_keys.list(status="EXPIRED")], "expired")
    expect(quilt3.api_keys.get(key.id).name == "check", "get")
    expect(quilt3.api_keys.get("nobody") is None, "get unknown")
    for days in (0, 366):
        expect_error(quilt3.api_keys.APIKeyError, "between 1 and 365",
                     lambda days=days: quilt3.api_keys.create("x", expires_in_days=days))
    expect_error(quilt3.api_keys.APIKeyError, "not found",
                 lambda: quilt3.api_keys.revoke(id="nobody"))
    other, other_secret = quilt3.api_keys.create("other")
    quilt3.api_keys.revoke(secret=other_secret)
    expect(quilt3.api_keys.get(other.id) is None, "revoked by secret")
    context.key_id, context.secret = key.id, secret


@step
def administers_the_keys_of_others(context):
    import quilt3.admin

    seed = {"user": "bob", "name": "old", "expires_in_seconds": -1, "used_seconds_ago": 86400}
    planted = context.control.call("POST", "/keys", seed)
    listed = quilt3.admin.api_keys.list(email="bob@example.com")
    expect([key.id for key in listed] == [planted["id"]], listed)
    expect(listed[0].status == "EXPIRED" and listed[0].last_used_at, listed)
    expect(quilt3.admin.api_keys.list(key_name="old", status="ACTIVE") == [], "filters")
    expect(quilt3.admin.api_keys.get(planted["id"]).user_email == "bob@example.com", "get")
    expect(quilt3.admin.api_keys.get("nobody") is None, "get unknown")
    quilt3.admin.api_keys.revoke(id=planted["id"])
    expect(quilt3.admin.api_keys.get(planted["id"]) is None, "revoked")


@step
def lists_buckets_of_the_catalog(context):
    import quilt3.admin

    names = [bucket.name for bucket in quilt3.admin.buckets.list()]
    expect(context.bucket in names, names)


@step
def logs_in_with_an_api_key(context):
    import quilt3

    expect_error(ValueError, "must start with 'qk_'", lambda: quilt3.login_with_api_key("QK_x"))
    quilt3.login_with_api_key(context.secret)
    expect(quilt3.logged_in() == context.catalog, "logged_in")
    expect(quilt3.api_keys.get(context.key_id).last_used_at is not None, "last used")
    context.control.call("POST", f"/keys/{context.key_id}/expire")
    expect_error(quilt3.util.QuiltException, "Authentication failed",
                 lambda: quilt3.api_keys.list())
    quilt3.clear_api_key()
    expect(quilt3.api_keys.get(context.key_id).status == "EXPIRED", "expired key")
    quilt3.login_with_api_key("qk_nobody")
    expect_error(quilt3.util.QuiltException, "Authentication failed",
                 lambda: quilt3.search("iris"))
    quilt3.clear_api_key()


@step
def is_refused_what_only_admins_may(context):
    import quilt3.admin

    log_in(context, "bob")
    expect_error(Exception, "Admin access required", lambda: quilt3.admin.api_keys.list())
    client = quilt3.get_boto3_session(fallback=False).client("s3")
    try:
        client.put_object(Bucket=context.bucket, Key="x", Body=b"x")
    except client.exceptions.ClientError as error:
        expect(error.response["Error"]["Code"] == "AccessDenied", error)
    else:
        raise AssertionError("a reader could write")


@step
def logs_out(context):
    import quilt3

    quilt3.logout()
    expect(quilt3.logged_in() is None, "logged in")


def main():
    environ = os.environ
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--catalog", default=environ.get("QUILT_CATALOG"))
    parser.add_argument("--control", default=environ.get("FAKE_STACK_CONTROL"))
    parser.add_argument("--s3", default=environ.get("AWS_ENDPOINT_URL_S3"))
    options = parser.parse_args()
    if not (options.catalog and options.control and options.s3):
        parser.error("catalog, control and S3 URLs are needed")
    with tempfile.TemporaryDirectory() as home:
        # Nothing of the person who runs this may leak in: quilt3 reads these when imported.
        for name in [name for name in environ if name.startswith(("AWS_", "QUILT_"))]:
            del environ[name]
        environ.update(
            HOME=home,
            XDG_DATA_HOME=f"{home}/data",
            AWS_CONFIG_FILE=f"{home}/aws-config",
            AWS_SHARED_CREDENTIALS_FILE=f"{home}/aws-credentials",
            AWS_EC2_METADATA_DISABLED="true",
            AWS_ENDPOINT_URL_S3=options.s3,
            QUILT_DISABLE_USAGE_METRICS="true",
            QUILT_MINIMIZE_STDOUT="true",
        )
        context = Context(options)
        for check in STEPS:
            check(context)
            print(f"ok  {check.__name__.replace('_', ' ')}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
