"""What quiltd's API is held to besides its own description."""

import schemathesis

# Of somebody else: the stack, AWS, the network in between, the disk.
UPSTREAM = {
    "stack_unreachable",
    "stack_invalid",
    "aws_unreachable",
    "aws_invalid",
    "clock_skew",
}


@schemathesis.check
def fails_only_for_others(ctx, response, case):
    """A 5xx says whose failure it is, and it is not quiltd's."""
    if response.status_code >= 500:
        code = response.json()["code"]
        assert code in UPSTREAM, f"{response.status_code} {code}: {response.text}"


@schemathesis.check
def problems_are_documented(ctx, response, case):
    """What is no success is a problem (RFC 9457) that says its own status."""
    if response.status_code >= 400:
        kind = response.headers["content-type"][0]
        assert kind == "application/problem+json", kind
        problem = response.json()
        assert problem["status"] == response.status_code
        assert problem["code"] and problem["detail"], response.text
