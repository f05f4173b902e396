from threading import Thread

def task():
    print("a task in a thread")

if __name__ == "__main__":
    thread = Thread(target=task)
    thread.start()
    thread.join()
