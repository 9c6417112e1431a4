#!/usr/bin/env python3
"""What the programs are made of, as Cargo resolved it.

    parts.py sbom TARGET PROGRAM...      a CycloneDX document
    parts.py licences TARGET PROGRAM...  the licences of all parts, with their texts
    parts.py auditable TARGET PROGRAM    the list for the section .dep-v0, compressed

Equal input gives equal output: no time and no random number is in it.
"""

import json
import pathlib
import re
import subprocess
import sys
import zlib

ROOT = pathlib.Path(__file__).resolve().parent.parent
TEXTS = re.compile(r"^(LICEN[CS]E|COPYING|COPYRIGHT|NOTICE|UNLICENSE)", re.IGNORECASE)
HOLDER = re.compile(r"^\s*Copyright (\(c\)|©|\d{4})", re.IGNORECASE)


def cargo(*arguments):
    command = ["cargo", *arguments, "--locked"]
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout


def linked(target, program):
    """Names and versions of what is in the program: not what only builds it."""
    listing = cargo(
        "tree", "--package", program, "--target", target, "--prefix", "none",
        "--edges", "normal,no-proc-macro", "--format", "{p}",
    )
    words = (line.split() for line in listing.splitlines() if line.strip())
    return {(name, version.removeprefix("v")) for name, version, *_ in words}


def parts(target, programs):
    """The packages in any of the programs, sorted, as `cargo metadata` tells of them."""
    wanted = set().union(*(linked(target, program) for program in programs))
    about = json.loads(cargo("metadata", "--format-version", "1", "--filter-platform", target))
    found = [p for p in about["packages"] if (p["name"], p["version"]) in wanted]
    missing = wanted - {(p["name"], p["version"]) for p in found}
    if missing:
        sys.exit(f"parts.py: cargo metadata does not know {sorted(missing)}")
    edges = {node["id"]: node["dependencies"] for node in about["resolve"]["nodes"]}
    found.sort(key=lambda p: (p["name"], p["version"]))
    return found, edges


def checksums():
    lock = (ROOT / "Cargo.lock").read_text()
    entry = re.compile(r'name = "(.+?)"\nversion = "(.+?)"\nsource = ".+?"\nchecksum = "(.+?)"')
    return {(name, version): digest for name, version, digest in entry.findall(lock)}


def sbom(target, programs):
    found, edges = parts(target, programs)
    digests = checksums()
    reference = {p["id"]: f"pkg:cargo/{p['name']}@{p['version']}" for p in found}
    roots = {p["name"]: p for p in found if p["name"] in programs}
    version = roots[programs[0]]["version"]

    def component(package):
        about = {
            "type": "application" if package["name"] in programs else "library",
            "bom-ref": reference[package["id"]],
            "name": package["name"],
            "version": package["version"],
            "purl": reference[package["id"]],
        }
        if package["license"]:
            about["licenses"] = [{"expression": package["license"].replace("/", " OR ")}]
        if digest := digests.get((package["name"], package["version"])):
            about["hashes"] = [{"alg": "SHA-256", "content": digest}]
        return about

    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application", "bom-ref": "quiltd-release", "name": "quiltd",
                "version": version, "description": f"{', '.join(programs)} for {target}",
            },
        },
        "components": [component(package) for package in found],
        "dependencies": [
            {"ref": "quiltd-release", "dependsOn": sorted(reference[roots[p]["id"]] for p in programs)},
            *(
                {
                    "ref": reference[package["id"]],
                    "dependsOn": sorted({reference[d] for d in edges[package["id"]] if d in reference}),
                }
                for package in found
            ),
        ],
    }


def licence_files(package):
    folder = pathlib.Path(package["manifest_path"]).parent
    named = [folder / package["license_file"]] if package["license_file"] else []
    found = sorted(path for path in folder.iterdir() if path.is_file() and TEXTS.match(path.name))
    return list(dict.fromkeys([*named, *found]))


def licences(target, programs):
    found, _ = parts(target, programs)
    ours = [p for p in found if p["source"] is None]
    texts, without = {}, []
    for package in found:
        if package in ours:
            continue
        files = licence_files(package)
        if not files:
            without.append(package)
        for path in files:
            text = path.read_text(errors="replace").replace("\r\n", "\n").strip()
            # One text, however its lines are broken and whoever holds the rights.
            notices = [line.strip() for line in text.split("\n") if HOLDER.match(line)]
            body = "\n".join(line for line in text.split("\n") if not HOLDER.match(line))
            same = texts.setdefault(" ".join(body.split()), (body.strip(), []))
            same[1].append((f"{package['name']} {package['version']}", notices))
    lines = [
        "quiltd is licensed under Apache-2.0 or MIT, as you like. Its programs contain the",
        "parts below and Rust's standard library (Apache-2.0 or MIT); static programs contain",
        "musl, too (MIT). Each part is used unchanged; its source is where it is said to be.",
        "",
        *(f"{p['name']} {p['version']}: {p['license']}, {p['repository'] or 'crates.io'}"
          for p in found if p not in ours),
    ]
    if without:
        lines += [
            "",
            "These came without a text of their own; that of their licence is among the others:",
            *(f"{p['name']} {p['version']} ({p['license']})" for p in without),
        ]
    for text, users in sorted(texts.values(), key=lambda item: item[1]):
        lines += ["", "=" * 80]
        for user, notices in users:
            lines += [user, *(f"    {notice}" for notice in notices)]
        lines += ["-" * 80, text]
    return "\n".join(lines) + "\n"


def auditable(target, programs):
    """The format of cargo-auditable, which scanners of programs read."""
    found, edges = parts(target, programs)
    place = {package["id"]: index for index, package in enumerate(found)}
    packages = []
    for package in found:
        entry = {
            "name": package["name"],
            "version": package["version"],
            "source": "crates.io" if package["source"] else "local",
        }
        needs = sorted({place[d] for d in edges[package["id"]] if d in place})
        if needs:
            entry["dependencies"] = needs
        if package["name"] == programs[0]:
            entry["root"] = True
        packages.append(entry)
    return zlib.compress(json.dumps({"packages": packages}, separators=(",", ":")).encode(), 9)


def main():
    try:
        what, target, *programs = sys.argv[1:]
        make = {"sbom": sbom, "licences": licences, "auditable": auditable}[what]
        programs[0]
    except (ValueError, KeyError, IndexError):
        sys.exit(__doc__)
    made = make(target, programs)
    if isinstance(made, dict):
        made = json.dumps(made, indent=1) + "\n"
    sys.stdout.buffer.write(made if isinstance(made, bytes) else made.encode())


if __name__ == "__main__":
    main()
