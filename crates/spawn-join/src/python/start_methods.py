"""Times start and join, in turn, for a thread, a forked process and one that starts Python anew:
a name and milliseconds a line, for as many rounds as the argument says. The first round is not
counted."""
import multiprocessing
import sys
import threading
import time


def task():
    pass


if __name__ == "__main__":
    kinds = [("thread", threading.Thread)]
    for method in ("fork", "spawn"):
        kinds.append((method, multiprocessing.get_context(method).Process))
    for turn in range(int(sys.argv[1]) + 1):
        for name, kind in kinds:
            start = time.perf_counter()
            started = kind(target=task)
            started.start()
            started.join()
            if turn > 0:
                print(name, (time.perf_counter() - start) * 1000)
