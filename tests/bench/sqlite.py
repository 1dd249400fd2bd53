"""Records per second of SQLite (WAL, synchronous=FULL: a commit is answered when it is durable), as long as ours, on the same disk.

Each record is a transaction of its own, as with us each is answered by itself. With 64 writers: 64 connections in as many threads, each waiting for the lock of
the others; SQLite has no group commit, so that one connection that commits for all is its best; both are measured and the better one counts. Beside them, for
whoever would gather records himself: 64 rows in one transaction."""

import os
import sqlite3
import threading
import time

BUSY_S = 60


def connect(path):
    base = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
    base.execute("PRAGMA journal_mode=WAL")
    base.execute("PRAGMA synchronous=FULL")
    return base


def prepare(folder):
    path = os.path.join(folder, "base")
    base = connect(path)
    base.execute("CREATE TABLE record (number INTEGER PRIMARY KEY, leaf BLOB)")
    base.close()
    return path


def insert(base, leaf, end, counts, place, rows):
    while time.monotonic() < end:
        if rows == 1:
            base.execute("INSERT INTO record (leaf) VALUES (?)", (leaf,))
        else:
            base.execute("BEGIN IMMEDIATE")
            base.executemany("INSERT INTO record (leaf) VALUES (?)", [(leaf,)] * rows)
            base.execute("COMMIT")
        counts[place] += rows


def rate(folder, size, milliseconds, writers=1, rows=1):
    """Records per second; checked against what stands in the file."""
    path, leaf = prepare(folder), os.urandom(size)
    bases, counts = [connect(path) for _ in range(writers)], [0] * writers
    begun = time.monotonic()
    threads = [threading.Thread(target=insert, args=(base, leaf, begun + milliseconds / 1000, counts, i, rows)) for i, base in enumerate(bases)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    seconds = time.monotonic() - begun
    stored = bases[0].execute("SELECT count(*) FROM record").fetchone()[0]
    for base in bases:
        base.close()
    assert stored == sum(counts), f"{stored} rows, {sum(counts)} were answered"
    return stored / seconds
