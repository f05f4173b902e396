# Does what it is told, a line at a time: `1`, the job once; `2`, the job in two threads at once.
import sys, threading, time

def job(steps):
    total = 0
    for number in range(steps):
        total += number * number % 7
    return total

steps = int(sys.argv[1])
# Free-threaded builds have a lock as well, unless it is off (PEP 703).
gil = getattr(sys, "_is_gil_enabled", lambda: True)()
print(sys.version.split()[0], "on" if gil else "off", flush=True)
for line in sys.stdin:
    if line.strip() == "1":
        job(steps)
    else:
        threads = [threading.Thread(target=job, args=(steps,)) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    print("done", flush=True)
