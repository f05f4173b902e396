"""Runs one task as a process and as a thread and prints what differs: a name and a value a line.
Its arguments are listings to compile. Exits with 127 where Python is too old to tell."""
import multiprocessing
import os
import platform
import sys
import threading

counter = 0
ran_in = None


def task():
    global counter, ran_in
    counter += 1
    ran_in = (os.getpid(), threading.get_native_id())
    return 42


def fail():
    raise ValueError("a task that fails")


def run(kind, target):
    """Starts and joins; returns what was started, and what came of join."""
    started = kind(target=target)
    started.start()
    try:
        return started, started.join()
    except ValueError as error:
        return started, error


def compiles(listing):
    """Whether a listing is Python at all."""
    try:
        compile(listing, "listing", "exec")
        return True
    except SyntaxError:
        return False


if __name__ == "__main__":
    if sys.version_info < (3, 8):
        sys.exit(127)
    multiprocessing.set_start_method("fork")
    here = (os.getpid(), threading.get_native_id())
    print("version", platform.python_version())
    print("method", multiprocessing.get_all_start_methods()[0])
    print("gil", "on" if getattr(sys, "_is_gil_enabled", lambda: True)() else "off")
    print("one_line_compiles", any(compiles(listing) for listing in sys.argv[1:]))
    process, from_process = run(multiprocessing.Process, task)
    print("process_pid_differs", process.pid != here[0])
    print("process_exit_code", process.exitcode)
    print("process_changes_global", counter == 1)
    counter = 0
    _, from_thread = run(threading.Thread, task)
    print("thread_pid_differs", ran_in[0] != here[0])
    print("thread_id_differs", ran_in[1] != here[1])
    print("thread_changes_global", counter == 1)
    print("join_returns_value", 42 in (from_process, from_thread))
    process, _ = run(multiprocessing.Process, fail)
    print("failing_process_exit_code", process.exitcode)
    _, from_thread = run(threading.Thread, fail)
    print("failing_thread_join_raises", isinstance(from_thread, ValueError))
