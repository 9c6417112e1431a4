"""Prints what python-dotenv reads from standard input, as JSON."""

import json
import sys

from dotenv import dotenv_values

print(json.dumps(dotenv_values(stream=sys.stdin)))
