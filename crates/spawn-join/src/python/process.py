from multiprocessing import Process

def task():
    print("a task in a process of its own")

if __name__ == "__main__":
    process = Process(target=task)
    process.start()
    process.join()
