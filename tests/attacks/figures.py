"""What a server costs, and what an honest client notices: threads, descriptors, memory, the slowest answer."""

import http.client
import multiprocessing
import os
import threading
import time

#: The address of the honest client. The attackers use others.
HONEST = "127.0.0.1"


def is_of_store(descriptor):
    """True for a descriptor of the database file and its log. SQLite keeps those of closed connections while another
    connection has the file open, and uses them again: https://www.sqlite.org/src/file/src/os_unix.c ("UnixUnusedFd"). So
    there are as many as connections were lent at once (`MAX_LENT` in src/store/readers.rs bounds that), and no attack's."""
    try:
        return os.readlink(descriptor).endswith((".db", ".db-wal"))
    except FileNotFoundError:
        return False  # Closed since it was listed; the next look misses it.


class Size:
    """Threads, descriptors other than those of the store, and megabytes of resident memory."""

    def __init__(self, threads, files, memory):
        self.threads, self.files, self.memory = threads, files, memory

    @staticmethod
    def of(pid):
        with open(f"/proc/{pid}/status", encoding="ascii") as status:
            lines = dict(line.split(":", 1) for line in status)
        files = sum(1 for name in os.listdir(f"/proc/{pid}/fd") if not is_of_store(f"/proc/{pid}/fd/{name}"))
        return Size(int(lines["Threads"]), files, int(lines["VmRSS"].split()[0]) / 1024)

    def most(self, other):
        """The larger of each figure."""
        return Size(max(self.threads, other.threads), max(self.files, other.files), max(self.memory, other.memory))

    def is_back(self, before, memory):
        """True if threads and descriptors are what they were, and the memory within `memory` MB of it. A few threads and
        files may belong to connections that the honest client keeps and to work that the server does by itself."""
        return (self.threads <= before.threads + 4 and self.files <= before.files + 8
                and self.memory <= before.memory + memory)

    def __str__(self):
        return f"{self.threads:5} {self.files:5} {self.memory:6.0f}"


class Watch:
    """Samples the size of a process until it is stopped, and keeps the peak."""

    def __init__(self, pid):
        self.pid, self.peak, self.stopped = pid, Size.of(pid), threading.Event()
        self.thread = threading.Thread(target=self.sample)
        self.thread.start()

    def sample(self):
        while not self.stopped.wait(0.05):
            try:
                self.peak = self.peak.most(Size.of(self.pid))
            except (OSError, KeyError, ValueError):
                return  # The process has ended, which the caller sees by itself.

    def stop(self):
        self.stopped.set()
        self.thread.join()
        return self.peak


def ask(address, paths, stop, told):
    """Asks for the paths in turn until `stop`, each time on a new connection as `curl` does. Tells the slowest answer in
    seconds, the number of answers, and the statuses other than 200."""
    slowest, count, wrong, number = 0.0, 0, {}, 0
    while not stop.is_set():
        path = paths[number % len(paths)]
        number += 1
        began = time.monotonic()
        try:
            connection = http.client.HTTPConnection(*address, timeout=60, source_address=(HONEST, 0))
            connection.request("GET", path)
            answer = connection.getresponse()
            answer.read()
            status = answer.status
            connection.close()
        except (OSError, http.client.HTTPException) as error:
            status = type(error).__name__
        slowest = max(slowest, time.monotonic() - began)
        count += 1
        if status != 200:
            wrong[status] = wrong.get(status, 0) + 1
        time.sleep(0.01)
    told.put((slowest, count, wrong))


class HonestClient:
    """A process that asks for small things and measures how long each takes."""

    def __init__(self, address, paths):
        self.stop_asking, self.told = multiprocessing.Event(), multiprocessing.Queue()
        arguments = (address, paths, self.stop_asking, self.told)
        self.process = multiprocessing.Process(target=ask, args=arguments)
        self.process.start()

    def stop(self):
        self.stop_asking.set()
        told = self.told.get()
        self.process.join()
        return told
