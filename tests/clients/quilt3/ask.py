"""A Python process that asks quilt3 one thing and prints the answer."""

import sys

import quilt3

match sys.argv[1:]:
    case ["list", registry]:
        for name in quilt3.list_packages(registry):
            print(name)
    case ["versions", name, registry]:
        for version, top_hash in quilt3.list_package_versions(name, registry):
            print(version, top_hash)
    case ["create-key", name]:
        _, secret = quilt3.api_keys.create(name)
        print(secret)
