"""Search, ours and its exact peers: the same vectors, the same run, one contestant after the other in every round.

Times are of single queries; a table gives each contestant's median and the best peer's over ours. Peers are called with
as little of Python around them as they allow: FAISS through its C++ interface, SQLite through prepared statements.
"""
import argparse
import importlib.resources
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np

import vectors

K = 5
BATCH = 10
"""Queries in one call, where several are searched at once."""
SLOW = 100_000
"""Rows up to which the slow contestants take part."""


class Ours:
    """Talks to `core/examples/search_bench.rs`."""
    name = "crane"

    def __init__(self, program: str, rows: np.ndarray, queries: np.ndarray):
        with tempfile.TemporaryDirectory() as folder:
            files = [Path(folder) / "rows", Path(folder) / "queries"]
            for file, values in zip(files, (rows, queries)):
                values.astype("<f4").tofile(file)
            self.process = subprocess.Popen([program, *files], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            self.about = self.process.stdout.readline().strip()
        self.bytes = int(self.about.split()[-4])

    def ask(self, command: str) -> str:
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline()

    def each(self, command: str = f"one {K} 1") -> list[float]:
        """Microseconds of each query."""
        return [int(ns) / 1e3 for ns in self.ask(command).split()]

    def many(self, threads: int = 1) -> list[float]:
        """Microseconds a query, in batches."""
        return [int(ns) / 1e3 / BATCH for ns in self.ask(f"many {K} {threads} {BATCH}").split()]

    def keys(self) -> list[list[int]]:
        lines = [self.ask(f"keys {K}"), *iter(self.process.stdout.readline, "\n")]
        return [[int(key) for key in line.split()] for line in lines]

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Peer:
    """`one(i)` searches for query `i` and returns what it found in a form of its own, `keys` reads that."""

    def each(self) -> list[float]:
        times = []
        for i in range(self.count):
            begun = time.perf_counter_ns()
            self.one(i)
            times.append((time.perf_counter_ns() - begun) / 1e3)
        return times


class Faiss(Peer):
    def __init__(self, name: str, index, rows: np.ndarray, queries: np.ndarray, width: int):
        import faiss
        self.name, self.index, self.queries, self.bytes = name, index, np.ascontiguousarray(queries), width
        index.train(rows)
        index.add(rows)
        self.scores, self.found = np.empty((len(queries), K), np.float32), np.empty((len(queries), K), np.int64)
        self.pointers = [[faiss.swig_ptr(a[i]) for a in (self.queries, self.scores, self.found)] for i in range(len(queries))]

    def one(self, i: int):
        query, scores, found = self.pointers[i]
        self.index.search_c(1, query, K, scores, found)

    def many(self) -> list[float]:
        times = []
        for query, scores, found in self.pointers[:len(self.queries) // BATCH * BATCH:BATCH]:
            begun = time.perf_counter_ns()
            self.index.search_c(BATCH, query, K, scores, found)
            times.append((time.perf_counter_ns() - begun) / 1e3 / BATCH)
        return times

    def keys(self) -> list[list[int]]:
        for i in range(self.count):
            self.one(i)
        return self.found[:self.count].tolist()


class Usearch(Peer):
    name, bytes = "usearch exact f16", 512

    def __init__(self, rows: np.ndarray, queries: np.ndarray):
        from usearch.index import MetricKind, search
        self.rows, self.queries = rows.astype(np.float16), queries.astype(np.float16)
        self.search = lambda query: search(self.rows, query, K, MetricKind.IP, exact=True, threads=1)

    def one(self, i: int):
        return self.search(self.queries[i]).keys

    def keys(self) -> list[list[int]]:
        return [[int(key) for key in self.one(i)] for i in range(self.count)]


class Sqlite(Peer):
    def __init__(self, queries: np.ndarray):
        import apsw
        self.db, self.blobs = apsw.Connection(":memory:"), [query.tobytes() for query in queries]
        self.db.enable_load_extension(True)

    def one(self, i: int):
        return list(self.db.execute(self.sql, (self.blobs[i],)))

    def keys(self) -> list[list[int]]:
        return [[key for key, in self.one(i)] for i in range(self.count)]


class SqliteVec(Sqlite):
    name, bytes = "sqlite-vec f32", 1024
    sql = f"SELECT rowid FROM v WHERE e MATCH ? AND k = {K}"

    def __init__(self, rows: np.ndarray, queries: np.ndarray):
        import sqlite_vec
        super().__init__(queries)
        self.db.load_extension(sqlite_vec.loadable_path())
        self.db.execute("CREATE VIRTUAL TABLE v USING vec0(e float[256] distance_metric=cosine)")
        self.db.executemany("INSERT INTO v (rowid, e) VALUES (?, ?)", ((i, row.tobytes()) for i, row in enumerate(rows)))


class SqliteVector(Sqlite):
    name, bytes = "sqlite-vector f16", 512
    sql = f"SELECT rowid FROM vector_full_scan('v', 'e', ?, {K})"

    def __init__(self, rows: np.ndarray, queries: np.ndarray):
        super().__init__(queries.astype(np.float16))
        self.db.load_extension(str(importlib.resources.files("sqlite_vector.binaries") / "vector"))
        self.db.execute("CREATE TABLE v (id INTEGER PRIMARY KEY, e BLOB)")
        halves = rows.astype(np.float16)
        self.db.executemany("INSERT INTO v VALUES (?, ?)", ((i, row.tobytes()) for i, row in enumerate(halves)))
        list(self.db.execute("SELECT vector_init('v', 'e', 'type=FLOAT16,dimension=256,distance=DOT')"))


def peers(rows: np.ndarray, queries: np.ndarray, slow_rows: int) -> list[Peer]:
    import faiss
    faiss.omp_set_num_threads(1)
    fp16 = faiss.IndexScalarQuantizer(256, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
    chosen = [Faiss("FAISS fp16", fp16, rows, queries, 512), Faiss("FAISS flat f32", faiss.IndexFlatIP(256), rows, queries, 1024)]
    slow = [Usearch, SqliteVec, SqliteVector] if len(rows) <= slow_rows else []
    return chosen + [kind(rows, queries) for kind in slow]


def contest(program: str, kind: str, rows: int, options) -> None:
    stored, queries = vectors.of(kind, rows, options.queries)
    ours, others = Ours(program, stored, queries), peers(stored, queries, options.slow_rows)
    # Slow ones need fewer queries for a median.
    budget = 5e5
    for one in [ours, *others]:
        one.count = 3 if one is not ours else len(queries)
        one.count = max(5, min(len(queries), int(budget / statistics.median(one.each()))))
    ours.count = len(queries)
    wanted = ours.keys()
    agree = {one.name: sum(set(a) == set(b) for a, b in zip(one.keys(), wanted)) / one.count for one in others}
    times = {name: [] for name in [ours.name, *agree, "full scan", "two threads", "batch", "batch, two threads", "FAISS flat f32, batch"]}
    contestants = [ours, *others]
    for turn in range(options.rounds):
        for one in contestants[turn % len(contestants):] + contestants[:turn % len(contestants)]:
            times[one.name] += one.each()
        times["full scan"] += ours.each(f"full {K}")
        times["two threads"] += ours.each(f"one {K} 2")
        times["batch"] += ours.many(1)
        times["batch, two threads"] += ours.many(2)
        times["FAISS flat f32, batch"] += others[1].many()
    report(kind, rows, ours, others, agree, {name: statistics.median(taken) for name, taken in times.items()})
    ours.close()


def report(kind: str, rows: int, ours: Ours, others: list[Peer], agree: dict, median: dict) -> None:
    best = min(others, key=lambda one: median[one.name])
    print(f"\n{kind}, {rows:,} rows ({ours.about})\n")
    print("| one query, one thread | median µs | over crane | bytes a row | same top 5 |\n|---|---:|---:|---:|---:|")
    print(f"| crane | {median['crane']:.1f} | 1.0 | {ours.bytes} | |")
    for one in others:
        ratio = median[one.name] / median["crane"]
        print(f"| {one.name} | {median[one.name]:.1f} | {ratio:.1f} | {one.bytes} | {agree[one.name]:.0%} |")
    print(f"\nthe best peer, {best.name}, takes {median[best.name] / median['crane']:.2f} times as long")
    for name in ("full scan", "two threads", "batch", "batch, two threads", "FAISS flat f32, batch"):
        print(f"  {name}: {median[name]:.1f} µs a query", flush=True)


def main():
    parser = argparse.ArgumentParser(prog="cargo xtask bench search", description=__doc__)
    numbers = lambda words: [int(word) for word in words.split(",")]
    parser.add_argument("--rows", type=numbers, default=[1_000, 10_000, 100_000, 1_000_000], help="comma-separated")
    parser.add_argument("--data", type=lambda words: words.split(","), default=["random"], help="random, text, image; comma-separated")
    parser.add_argument("--queries", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--slow-rows", type=int, default=SLOW, help="rows up to which usearch and the SQLite extensions run")
    parser.add_argument("--program", required=True, help=argparse.SUPPRESS)
    options = parser.parse_args()
    for kind in options.data:
        for rows in options.rows:
            contest(options.program, kind, rows, options)


if __name__ == "__main__":
    main()
