"""Runs one task as a process, by each start method that the arguments name, and as a thread, and
prints what came of it: the name of a fact, a tab and its value in each line. Exits with 127 where
Python is too old to tell."""
import multiprocessing
import os
import platform
import sys
import threading

variable = "imported"


def task(report):
    global variable
    report.send((os.getpid(), threading.get_native_id(), variable))
    variable = "changed"
    return 42


def fail(report):
    raise ValueError("a task that fails")


def run(kind, target, report):
    """Starts and joins; returns what was started, and what came of join."""
    started = kind(target=target, args=(report,))
    try:
        started.start()
        return started, started.join()
    except ValueError as error:
        return started, error


def observe(way, kind):
    global variable
    variable = "set"
    receiver, sender = multiprocessing.Pipe(duplex=False)
    _, returned = run(kind, task, sender)
    process, thread, found = receiver.recv() if receiver.poll() else (None, None, "nothing")
    other = {True: "the same", False: "another"}
    # A task that reports nothing has not run anywhere that is known.
    tell(way, "process id", other[process == os.getpid()] if process else "unknown")
    tell(way, "thread id", other[thread == threading.get_native_id()] if thread else "unknown")
    tell(way, "variable it finds", found)
    tell(way, "variable after it", "changed" if variable == "changed" else "unchanged")
    tell(way, "join returns", returned)
    failed, returned = run(kind, fail, sender)
    code = getattr(failed, "exitcode", None)
    is_raised = "raised" if isinstance(returned, ValueError) else "lost"
    tell(way, "a task that raises", is_raised if code is None else f"exitcode {code}")


def tell(way, fact, value):
    print(f"python {way}: {fact}\t{value}")


if __name__ == "__main__":
    if sys.version_info < (3, 8):
        sys.exit(127)
    gil = "on" if getattr(sys, "_is_gil_enabled", lambda: True)() else "off"
    print(f"python: version\t{platform.python_version()}")
    print(f"python: GIL\t{gil}")
    print(f"python: default start method\t{multiprocessing.get_start_method()}")
    for method in sys.argv[1:]:
        observe(method, multiprocessing.get_context(method).Process)
    observe("thread", threading.Thread)
