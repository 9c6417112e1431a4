"""Connects many times and keeps its connections: crowd.py PLACE KIND COUNT one|many [HEAD]

PLACE is the path of a socket, or HOST:PORT. Prints how many connections it
made once all are there, and for whatever is said on standard input how many
are still open. Ends with its standard input.
"""

import os
import resource
import select
import socket
import sys
import time
import urllib.parse

PLACE, KIND, COUNT, WHO = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
HOST = PLACE if ":" in PLACE else "localhost"
CATALOG = "?catalog=" + urllib.parse.quote(os.environ.get("QUILT_CATALOG", ""), safe="")
HEAD = f"Host: {HOST}\r\n" + "".join(line + "\r\n" for line in sys.argv[5:])


def get(path):
    return f"GET {path} HTTP/1.1\r\n{HEAD}\r\n".encode()


def connect():
    if ":" in PLACE:
        host, port = PLACE.rsplit(":", 1)
        return socket.create_connection((host, int(port)))
    there = socket.socket(socket.AF_UNIX)
    there.connect(PLACE)
    return there


def answer(there):
    """Reads the answer to one request, which says its length."""
    read = b""
    while b"\r\n\r\n" not in read:
        more = there.recv(65536)
        if not more:
            return False
        read += more
    head, body = read.split(b"\r\n\r\n", 1)
    lengths = [l for l in head.lower().split(b"\r\n") if l.startswith(b"content-length:")]
    left = int(lengths[0].split(b":")[1]) - len(body)
    while left > 0:
        left -= len(there.recv(65536))
    return True


def begin(there):
    """Does what this kind does."""
    if KIND == "half-header":
        there.sendall(b"GET /v1/health HTTP/1.1\r\nHost: loc")
    elif KIND == "large-header":
        there.sendall(b"GET /v1/health HTTP/1.1\r\nX: " + b"x" * 30000)
    elif KIND == "trickle":
        there.sendall(b"G")
    elif KIND == "half-body":
        there.sendall(f"POST /v1/search{CATALOG} HTTP/1.1\r\n{HEAD}Content-Type: application/json\r\nContent-Length: 99\r\n\r\n{{".encode())
    elif KIND == "half-closed":
        there.sendall(b"GET /v1/health HTTP/1.1\r\n")
        there.shutdown(socket.SHUT_WR)
    elif KIND == "idle":
        there.sendall(get("/v1/health"))
        answer(there)
    elif KIND == "events":
        there.sendall(get("/v1/events"))
    elif KIND == "pipelined":
        there.sendall(get("/v1/health") * 64)
    elif KIND == "asking":
        there.sendall(get("/v1/status") * 16)
    elif KIND == "unread":
        there.setblocking(False)
        there.send(get("/v1/openapi.json") * 64)
    elif KIND == "slow":
        there.sendall(get("/v1/me" + CATALOG))
    elif KIND != "silent":
        raise SystemExit(f"no such kind: {KIND}")


def go_on(there):
    if KIND == "trickle":
        there.send(b"E")


def crowd(count):
    made = []
    for _ in range(count):
        try:
            there = connect()
            made.append(there)
            begin(there)
        except OSError:
            # Sent away before it had its say.
            pass
    return made


def is_open(there):
    """Whether nobody has hung up. Reads nothing of what is not to be read."""
    poll = select.poll()
    poll.register(there, select.POLLRDHUP)
    return not poll.poll(0)


def many():
    """A process for each connection."""
    ready, told = os.pipe()
    asks, ask = os.pipe()
    for _ in range(COUNT):
        if os.fork() == 0:
            os.close(ask)
            made = crowd(1)
            os.write(told, b"." if made else b"!")
            while not select.select([asks], [], [], 0.2)[0]:
                each(made)
            os._exit(0)
    made = 0
    for _ in range(COUNT):
        made += os.read(ready, 1) == b"."
    print(made, flush=True)
    # Their connections are theirs to look at.
    for _ in sys.stdin:
        print(-1, flush=True)


def each(made):
    for there in made:
        try:
            go_on(there)
        except OSError:
            pass


def one():
    made = crowd(COUNT)
    print(len(made), flush=True)
    while True:
        if not select.select([sys.stdin], [], [], 0.2)[0]:
            each(made)
        elif sys.stdin.readline():
            print(sum(map(is_open, made)), flush=True)
        else:
            break


# Slots are what is fought for here, not the processor.
os.nice(5)
most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
many() if WHO == "many" else one()
