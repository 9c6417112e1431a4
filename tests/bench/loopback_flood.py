"""What a vend over loopback takes while another user connects without an end.

As root, in the home of a user who is logged in:

    setpriv --reuid USER --regid USER --clear-groups quiltctl exec -- sleep 600
    python3 tests/bench/loopback_flood.py URI TOKEN OTHER-UID [PROCESSES]

URI and TOKEN are what `exec` sets (AWS_CONTAINER_CREDENTIALS_FULL_URI and
AWS_CONTAINER_AUTHORIZATION_TOKEN). The vends are root's, whom the daemon serves
as its own user; the flood is OTHER-UID's.
"""

import multiprocessing
import os
import socket
import sys
import time
import urllib.parse

TIME = 7


def flood(address, uid, until):
    """Connects as fast as it goes, and hangs up."""
    os.setgroups([])
    os.setgid(uid)
    os.setuid(uid)
    made = 0
    while time.time() < until:
        connections = []
        for _ in range(200):
            connection = socket.socket()
            connection.setblocking(False)
            try:
                connection.connect(address)
            except BlockingIOError:
                pass
            except OSError:
                connection.close()
                continue
            connections.append(connection)
        made += len(connections)
        for connection in connections:
            connection.close()
    print(f"  {made} connections of another user", flush=True)


def vends(address, request, until):
    """Seconds that each of many vends took, shortest first."""
    took = []
    while time.time() < until:
        begun = time.time()
        with socket.create_connection(address, timeout=30) as connection:
            connection.sendall(request)
            answer = b""
            while part := connection.recv(65536):
                answer += part
        if not answer.startswith(b"HTTP/1.1 200"):
            sys.exit(answer.decode(errors="replace"))
        took.append(time.time() - begun)
        time.sleep(0.02)
    return sorted(took)


def main():
    uri, token, uid = urllib.parse.urlsplit(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    processes = int(sys.argv[4]) if len(sys.argv) > 4 else 1
    address = (uri.hostname, uri.port)
    request = (
        f"GET {uri.path} HTTP/1.1\r\nHost: {uri.netloc}\r\n"
        f"Authorization: {token}\r\nConnection: close\r\n\r\n"
    ).encode()
    for flooding in 0, processes:
        until = time.time() + TIME
        crowd = [
            multiprocessing.Process(target=flood, args=(address, uid, until))
            for _ in range(flooding)
        ]
        for process in crowd:
            process.start()
        took = vends(address, request, until)
        for process in crowd:
            process.join()
        half, most = took[len(took) // 2], took[-1]
        print(f"beside {flooding}: {len(took)} vends, median {half:.4f} s, longest {most:.4f} s")


if __name__ == "__main__":
    main()
