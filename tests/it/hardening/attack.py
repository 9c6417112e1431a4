"""Tries to get into a process of the same user, in every way there is.

Prints a JSON object: for each way "gained", "refused", or what else came of it.
"""

import ctypes
import errno
import json
import os
import resource
import signal
import struct
import sys

pid = int(sys.argv[1])
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.restype = ctypes.c_long
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
libc.syscall.restype = ctypes.c_long
tries = {}


def attempt(function):
    tries[function.__name__] = function
    return function


class Iovec(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]


def checked(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), "refused")
    return result


def proc(name):
    return f"/proc/{pid}/{name}"


def writable():
    """The first mapping that can be written; any address where maps are closed."""
    try:
        for line in open(proc("maps")):
            span, rights = line.split()[:2]
            if rights.startswith("rw"):
                return int(span.split("-")[0], 16)
    except OSError:
        pass
    return 0x10000


# Files of /proc, and the same of a thread.
for name in [
    "maps", "smaps", "smaps_rollup", "numa_maps", "pagemap", "environ", "auxv", "io",
    "personality", "syscall", "stack",
]:
    for whose, place in [("", name), (" of a thread", f"task/{pid}/{name}")]:
        def read(place=place):
            with open(proc(place), "rb") as file:
                return len(file.read(64)) or None
        tries[f"read {name}{whose}"] = read

for name in ["exe", "cwd", "root", "fd/0", "ns/user"]:
    tries[f"link {name}"] = lambda name=name: os.readlink(proc(name))

for name in ["fd", "fdinfo", "map_files"]:
    tries[f"list {name}"] = lambda name=name: len(os.listdir(proc(name)))


def memory(place):
    with open(proc(place), "rb", buffering=0) as file:
        file.seek(writable())
        return len(file.read(16))


tries["mem"] = lambda: memory("mem")
tries["mem of a thread"] = lambda: memory(f"task/{pid}/mem")


@attempt
def mem_to_write():
    address = writable()
    with open(proc("mem"), "r+b", buffering=0) as file:
        file.seek(address)
        bytes_ = file.read(8)
        file.seek(address)
        return file.write(bytes_)


def seen_by_tracer():
    ctypes.set_errno(0)
    libc.ptrace(2, pid, writable(), None)  # PTRACE_PEEKDATA
    return None if ctypes.get_errno() else "memory"


def detach():
    libc.ptrace(17, pid, None, None)


@attempt
def ptrace_attach():
    checked(libc.ptrace(16, pid, None, None))
    os.waitpid(pid, 0)
    seen = seen_by_tracer()
    detach()
    return seen


@attempt
def ptrace_seize():
    checked(libc.ptrace(0x4206, pid, None, None))
    checked(libc.ptrace(0x4207, pid, None, None))  # PTRACE_INTERRUPT
    os.waitpid(pid, 0)
    seen = seen_by_tracer()
    detach()
    return seen


def vectors(buffer):
    local = Iovec(ctypes.cast(buffer, ctypes.c_void_p), len(buffer))
    remote = Iovec(writable(), len(buffer))
    return ctypes.byref(local), ctypes.byref(remote)


def vm(function):
    buffer = ctypes.create_string_buffer(8)
    local, remote = vectors(buffer)
    return checked(function(pid, local, 1, remote, 1, 0))


@attempt
def process_vm_readv():
    return vm(libc.process_vm_readv)


@attempt
def process_vm_writev():
    buffer = ctypes.create_string_buffer(8)
    local, remote = vectors(buffer)
    # What is there, so that nothing changes in a process that allows it.
    libc.process_vm_readv(pid, local, 1, remote, 1, 0)
    return checked(libc.process_vm_writev(pid, local, 1, remote, 1, 0))


@attempt
def pidfd_getfd():
    pidfd = os.pidfd_open(pid)
    return checked(libc.syscall(438, pidfd, 0, 0)) and "descriptor"


@attempt
def process_madvise():
    pidfd = os.pidfd_open(pid)
    remote = Iovec(writable() & ~4095, 4096)
    # MADV_COLD; to advise others takes a capability as well on many kernels.
    checked(libc.syscall(440, pidfd, ctypes.byref(remote), 1, 20, 0))
    return "advised"


@attempt
def get_robust_list():
    head, length = ctypes.c_void_p(), ctypes.c_size_t()
    checked(libc.syscall(274, pid, ctypes.byref(head), ctypes.byref(length)))
    return "address"


@attempt
def kcmp():
    checked(libc.syscall(312, os.getpid(), pid, 1, 0, 0))  # KCMP_VM
    return "order"


@attempt
def move_pages():
    page = ctypes.c_void_p(writable() & ~4095)
    status = ctypes.c_int()
    checked(libc.syscall(279, pid, 1, ctypes.byref(page), None, ctypes.byref(status), 0))
    return "nodes"


@attempt
def perf_event_open():
    # struct perf_event_attr: a software event, counted in user space alone.
    attributes = struct.pack("IIQQQQQ", 1, 64, 0, 0, 0, 0, 1 << 5 | 1 << 6) + bytes(16)
    buffer = ctypes.create_string_buffer(attributes, 64)
    return checked(libc.syscall(298, buffer, pid, -1, -1, 0)) and "counter"


@attempt
def raise_core_limit():
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    if hard == 0:
        return None
    resource.prlimit(pid, resource.RLIMIT_CORE, (hard, hard))
    return "core files"


for name, value in [("clear_refs", "1"), ("coredump_filter", "0xff"), ("timerslack_ns", "1")]:
    def write(name=name, value=value):
        with open(proc(name), "w") as file:
            file.write(value)
        return "written"
    tries[f"write {name}"] = write

# What waits for a tracee that is not ours must not hang.
signal.alarm(60)
outcomes = {}
for name, function in tries.items():
    try:
        outcomes[name] = "nothing" if function() is None else "gained"
    except PermissionError:
        outcomes[name] = "refused"
    except OSError as error:
        outcomes[name] = errno.errorcode[error.errno]
json.dump(outcomes, sys.stdout)
