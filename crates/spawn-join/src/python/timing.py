"""Times start and join, in turn, for a thread and for a process by each start method: a name and
milliseconds a line. The arguments are the rounds and the methods. The first round is not counted."""
import multiprocessing
import sys
import threading
import time


def task():
    pass


if __name__ == "__main__":
    rounds, methods = int(sys.argv[1]), sys.argv[2:]
    kinds = [(method, multiprocessing.get_context(method).Process) for method in methods]
    kinds.append(("thread", threading.Thread))
    for turn in range(rounds + 1):
        for name, kind in kinds:
            start = time.perf_counter()
            started = kind(target=task)
            started.start()
            started.join()
            if turn > 0:
                print(name, (time.perf_counter() - start) * 1000)
