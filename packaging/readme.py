#!/usr/bin/env python3
"""README.md for where the other files are not: in a wheel (PyPI's page), in a tarball.

    readme.py VERSION          prints it, with links to the files of that version
    readme.py --check VERSION  says whether each link of that leads somewhere
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
SOURCE = "https://github.com/quiltdata/quiltd"
RAW = "https://raw.githubusercontent.com/quiltdata/quiltd"
LINK = re.compile(r"(?P<image>!?)\[(?P<text>[^\]]*)\]\((?P<target>[^)\s]+)\)")


def pages(version):
    return f"{SOURCE}/blob/v{version}/"


def images(version):
    return f"{RAW}/v{version}/"


def lines(text):
    """Each line, and whether it is prose; in a code block nothing is a link."""
    is_code = False
    for line in text.splitlines(keepends=True):
        if line.startswith("```"):
            is_code = not is_code
        yield line, not is_code


def absolute(text, version):
    def moved(link):
        target = link["target"]
        # A heading of the page itself is there wherever the page is.
        if target.startswith(("https://", "#")):
            return link[0]
        place = f"{images(version)}{target}?sanitize=true" if link["image"] else pages(version) + target
        return f"{link['image']}[{link['text']}]({place})"

    return "".join(LINK.sub(moved, line) if prose else line for line, prose in lines(text))


def dead(text, version):
    """The links that lead nowhere from a page outside of the sources."""
    targets = [
        link["target"] for line, prose in lines(text) if prose for link in LINK.finditer(line)
    ]
    if not targets:
        return ["no link was found"]
    ours = (pages(version), images(version))

    def is_dead(target):
        if target.startswith("#"):
            return False
        for base in ours:
            if target.startswith(base):
                path = target.removeprefix(base).split("#")[0].split("?")[0]
                return not (ROOT / path).is_file()
        return not target.startswith("https://")

    return [target for target in targets if is_dead(target)]


def main():
    *check, version = sys.argv[1:]
    text = (ROOT / "README.md").read_text()
    moved = absolute(text, version)
    if not check:
        sys.stdout.write(moved)
        return
    if check != ["--check"]:
        sys.exit(__doc__)
    # As it is, it is of no use outside; so the look at it is worth something.
    if not dead(text, version):
        sys.exit("readme.py: no link of README.md leads into the sources")
    if found := dead(moved, version):
        sys.exit(f"readme.py: links that lead nowhere: {', '.join(found)}")


if __name__ == "__main__":
    main()
