#!/usr/bin/env python3
"""Side by side with the tools people use instead: `make bench`, or bench/run.py [OPTIONS].

Everything runs in turn, round by round, in one session on one machine and one disk, warm cache, each output made durable by fsync.
Reported: the median wall time, its ratio to `zstd -1` of the file, CPU time, and the largest peak of memory. Nothing is compared
with a number from another day.

    --rows N          rows of the yardstick database (900,000)
    --runs N          rounds (5); pandas, which takes a minute, is run once in every third
    --large           also 9,000,000 rows: does memory stay where it was?
    --small N         databases in the folder of small ones (1,000); 0: leave that part out
    --tables N        tables of the database with many (10,000); 0: leave that part out
    --no-way-back     leave out restore, query and verify
    --only WORD       contenders whose name holds WORD (and zstd)
    --folder DIR      where to work: on the disk to be measured, outside any Git work tree (litekeep-bench in /var/tmp); kept, since
                      making the databases takes longer than reading them
    --litekeep FILE   the program (build/litekeep)

Writes results.json and results.md into build/bench, and the Markdown to stdout.
"""
import argparse
import json
import os
import pathlib
import platform
import re
import sqlite3
import statistics
import subprocess
import sys
import time

import way_back
from measure import Run, remove, size_of, warm

ROOT = pathlib.Path(__file__).resolve().parent.parent

# What the program replaces: the collector's script, each table through pandas into gzip Parquet and gzip JSON lines.
PANDAS = """
import gzip, os, sqlite3, sys
import pandas
source, out, formats = sys.argv[1], sys.argv[2], sys.argv[3].split(",")
os.makedirs(out)
db = sqlite3.connect(source)
for (table,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'").fetchall():
    frame = pandas.read_sql_query(f"SELECT * FROM {table}", db)
    if "parquet" in formats:
        frame.to_parquet(f"{out}/{table}.parquet", compression="gzip")
    if "json" in formats:
        with gzip.open(f"{out}/{table}.json.gz", "wt", encoding="utf-8") as to:
            to.write(frame.to_json(orient="records", lines=True))
for name in os.listdir(out):
    fd = os.open(f"{out}/{name}", os.O_RDONLY)
    os.fsync(fd)
    os.close(fd)
"""


def contenders(program, out):
    """Name, command for a database, and in which rounds: every so many."""
    def litekeep(*options):
        return lambda db: [program, "--store", out, "-q", "backup", "--init", *options, db]

    return [
        ("zstd -1 -T2 of the file, fsync", lambda db: ["sh", "-c", 'zstd -1 -T2 -q -f -o "$2" "$1" && sync "$2"', "sh", db, out], 1),
        ("sqlite3 .backup", lambda db: ["sqlite3", db, f".backup '{out}'"], 1),
        ("litekeep (Parquet and JSON, verified)", litekeep(), 1),
        ("litekeep --no-verify", litekeep("--no-verify"), 1),
        ("litekeep --format parquet", litekeep("--format", "parquet"), 1),
        ("litekeep --format parquet --no-verify", litekeep("--format", "parquet", "--no-verify"), 1),
        ("pandas and pyarrow: Parquet gzip, JSON gzip", lambda db: [sys.executable, "-c", PANDAS, db, out, "parquet,json"], 3),
        ("pandas and pyarrow: Parquet gzip only", lambda db: [sys.executable, "-c", PANDAS, db, out, "parquet"], 3),
    ]


def measure(db, program, out, rounds, only):
    wanted = [c for c in contenders(program, out) if not only or only in c[0] or c[0].startswith("zstd")]
    runs = {name: [] for name, _, _ in wanted}
    sizes = {}
    for number in range(rounds):
        for name, command, every in wanted:
            if number % every:
                continue
            remove(out)
            os.sync()
            warm(db)
            runs[name].append(Run(command(db)))
            sizes[name] = size_of(out)
            print(f"  round {number + 1}: {name}: {runs[name][-1].wall:.2f} s", file=sys.stderr, flush=True)
    # What a second backup costs when nothing, or one row, has changed.
    if not only or "second" in only:
        remove(out)
        command = dict((name, make) for name, make, _ in wanted).get("litekeep (Parquet and JSON, verified)")
        if command:
            Run(command(db))
            runs["litekeep, second backup, nothing changed"] = [Run(command(db)) for _ in range(rounds)]
    remove(out)
    base = statistics.median(r.wall for r in next(iter(runs.values())))
    rows = []
    for name, results in runs.items():
        wall = statistics.median(r.wall for r in results)
        rows.append({"name": name, "runs": len(results), "wall_s": round(wall, 3), "least_s": round(min(r.wall for r in results), 3),
                     "most_s": round(max(r.wall for r in results), 3), "ratio_to_zstd": round(wall / base, 2),
                     "cpu_s": round(statistics.median(r.cpu for r in results), 2), "peak_mb": round(max(r.memory for r in results)),
                     "output_mb": round(sizes[name] / 1e6, 1) if name in sizes else None})
    return rows


def count_syncs(command):
    """How often the program asks for durability."""
    done = subprocess.run(["strace", "-f", "-qq", "-c", "-e", "trace=fsync,fdatasync", *map(str, command)], capture_output=True, text=True, check=True)
    return sum(int(m[1]) for m in re.finditer(r"^ *[\d.]+ +[\d.]+ +\d+ +(\d+) .*?f(?:data)?sync$", done.stderr, re.MULTILINE))


def probe_syncs(folder, count):
    """What that many small files, each written and fsync'ed one after another, take on this disk."""
    remove(folder)
    folder.mkdir()
    begun = time.monotonic()
    for number in range(count):
        fd = os.open(folder / str(number), os.O_CREAT | os.O_WRONLY)
        os.write(fd, b"x" * 2000)
        os.fsync(fd)
        os.close(fd)
    took = time.monotonic() - begun
    remove(folder)
    return took


def many(name, source, program, work, rounds):
    out = work / "store"
    command = [program, "--store", out, "-q", "backup", "--init", source]
    remove(out)
    syncs = count_syncs(command)
    first, second, probes = [], [], []
    for _ in range(rounds):
        remove(out)
        os.sync()
        first.append(Run(command))
        second.append(Run(command))
        probes.append(probe_syncs(work / "probe", syncs))
    remove(out)
    wall, probe = statistics.median(r.wall for r in first), statistics.median(probes)
    return {"name": name, "wall_s": round(wall, 3), "fsyncs": syncs, "as_many_fsyncs_s": round(probe, 3), "beyond_s": round(max(0.0, wall - probe), 3),
            "second_wall_s": round(statistics.median(r.wall for r in second), 3), "peak_mb": round(max(r.memory for r in first + second))}


def small_databases(folder, count):
    folder.mkdir(parents=True)
    for number in range(count):
        db = sqlite3.connect(folder / f"small{number}.db", isolation_level=None)
        db.execute("PRAGMA synchronous = OFF")
        db.execute("CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT, price DECIMAL(10, 2))")
        db.execute("BEGIN")
        db.executemany("INSERT INTO item VALUES (?, ?, ?)", [(i, f"item {i} of {number}", i / 4) for i in range(1, 101)])
        db.execute("COMMIT")
        db.close()


def many_tables(path, count):
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA synchronous = OFF")
    db.execute("BEGIN")
    for number in range(count):
        db.execute(f"CREATE TABLE t{number} (id INTEGER PRIMARY KEY, name TEXT, value REAL)")
        db.executemany(f"INSERT INTO t{number} VALUES (?, ?, ?)", [(i, f"row {i}", i / 3) for i in range(1, 11)])
    db.execute("COMMIT")
    db.close()


def table(headers, rows):
    lines = ["| " + " | ".join(headers) + " |", "|" + "---|" * len(headers)]
    return "\n".join(lines + ["| " + " | ".join("" if cell is None else str(cell) for cell in row) + " |" for row in rows])


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def markdown(results):
    m = results["machine"]
    parts = [f"{m['cores']} cores of {m['processor']}, Linux {m['kernel']}, SQLite {m['sqlite']}; {m['date']}"]
    for block in results["yardstick"]:
        parts.append(f"### {block['rows']:,} rows, {block['mb']} MB, {block['mode']}")
        parts.append(table(["", "wall s", "least to most", "ratio to zstd", "CPU s", "peak MB", "output MB", "runs"],
                           [(r["name"], r["wall_s"], f"{r['least_s']} to {r['most_s']}", r["ratio_to_zstd"], r["cpu_s"], r["peak_mb"], r["output_mb"], r["runs"])
                            for r in block["results"]]))
    if results["way_back"]:
        parts.append("### The way back")
        parts.append(table(["", "wall s", "least to most", "compared with", "ratio", "CPU s", "peak MB"],
                           [(r["name"], r["wall_s"], f"{r['least_s']} to {r['most_s']}", r["base"], r["ratio"], r["cpu_s"], r["peak_mb"])
                            for r in results["way_back"]]))
    if results["many"]:
        parts.append("### Many small ones")
        parts.append(table(["", "wall s", "fsyncs", "as many fsyncs, s", "beyond them, s", "second backup, s", "peak MB"],
                           [(r["name"], r["wall_s"], r["fsyncs"], r["as_many_fsyncs_s"], r["beyond_s"], r["second_wall_s"], r["peak_mb"]) for r in results["many"]]))
    return "\n\n".join(parts) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=900_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--small", type=int, default=1000)
    parser.add_argument("--tables", type=int, default=10_000)
    parser.add_argument("--only", default="")
    parser.add_argument("--folder", type=pathlib.Path, default=pathlib.Path("/var/tmp/litekeep-bench"))
    parser.add_argument("--litekeep", type=pathlib.Path, default=ROOT / "build" / "litekeep")
    parser.add_argument("--modes", default="rollback,wal")
    parser.add_argument("--no-way-back", dest="way_back", action="store_false")
    args = parser.parse_args()
    make_posts = pathlib.Path(os.environ.get("LITEKEEP_CORPUS", ROOT.parent / "shared" / "data")) / "make_posts_db.py"
    if not make_posts.exists():
        sys.exit("the yardstick's maker is not here: set LITEKEEP_CORPUS to the folder that has make_posts_db.py")
    program = args.litekeep.resolve()
    work = args.folder.resolve()
    work.mkdir(parents=True, exist_ok=True)
    results = {"machine": {"cores": len(os.sched_getaffinity(0)), "processor": processor(), "kernel": platform.release(),
                           "sqlite": sqlite3.sqlite_version, "date": time.strftime("%Y-%m-%d")},
               "litekeep": subprocess.run([program, "--version"], capture_output=True, text=True).stdout.strip(), "yardstick": [], "way_back": [], "many": []}

    def yardstick(rows, mode, runs, only):
        db = work / f"posts-{rows}-{mode}.db"
        if not db.exists():
            print(f"making {rows:,} rows, {mode}", file=sys.stderr, flush=True)
            making = work / "making.db"
            remove(making)
            subprocess.run([sys.executable, make_posts, making, "--rows", str(rows), *(["--wal"] if mode == "wal" else [])], check=True)
            making.rename(db)
        block = {"rows": rows, "mode": mode, "mb": round(db.stat().st_size / 1e6), "results": measure(db, program, work / "out", runs, only)}
        results["yardstick"].append(block)
        return db

    for mode in args.modes.split(","):
        if args.rows:
            db = yardstick(args.rows, mode, args.runs, args.only)
    if args.rows and args.way_back:
        results["way_back"] = way_back.measure(db, program, work, args.runs)
    if args.large:
        yardstick(9_000_000, "wal", 1, "litekeep")
    if args.small:
        folder = work / f"small-{args.small}"
        if not folder.exists():
            making = work / "making"
            remove(making)
            small_databases(making, args.small)
            making.rename(folder)
        results["many"].append(many(f"{args.small:,} databases of 100 rows", folder, program, work, min(args.runs, 3)))
    if args.tables:
        db = work / f"tables-{args.tables}.db"
        if not db.exists():
            making = work / "making.db"
            remove(making)
            many_tables(making, args.tables)
            making.rename(db)
        results["many"].append(many(f"one database of {args.tables:,} tables", db, program, work, min(args.runs, 3)))
    shown = ROOT / "build" / "bench"
    shown.mkdir(parents=True, exist_ok=True)
    (shown / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    text = markdown(results)
    (shown / "results.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
