"""The way back, side by side: restore with a replayed dump, query with pyarrow, verify with the backup that it checks.

All in turn, round by round, warm cache. The restore ends with everything fsync'ed and compared with the backup; the dump's replay
ends with what the sqlite3 shell makes durable by itself. pyarrow is timed inside its process, its start left out; litekeep with its
whole process, start included.
"""
import statistics
import subprocess
import sys

from measure import Run, remove, warm

TABLE = "transformedrecordwithauthor"

# (what is asked, SQL, the columns that pyarrow reads and what it computes)
QUERIES = [
    ("sum of an INTEGER column", f"SELECT sum(like_count) FROM {TABLE}", "like_count", "pc.sum(column)"),
    ("average of a REAL column", f"SELECT avg(toxicity) FROM {TABLE}", "toxicity", "pc.mean(column)"),
    ("greatest of a TEXT column", f"SELECT max(created_at) FROM {TABLE}", "created_at", "pc.max(column)"),
    ("sum of the lengths of a long TEXT column", f"SELECT sum(length(text)) FROM {TABLE}", "text", "pc.sum(pc.utf8_length(column))"),
]

PYARROW = """
import sys, time
import pyarrow.compute as pc
import pyarrow.parquet as pq
for _ in range(2):  # the first time it loads its own parts
    begun = time.monotonic()
    column = pq.read_table(sys.argv[1], columns=[sys.argv[2]]).column(0)
    result = {expression}
print(time.monotonic() - begun)
"""


def median(runs, of=lambda r: r.wall):
    return statistics.median(of(r) for r in runs)


def row(name, runs, base_name, base, wall=lambda r: r.wall):
    times = [wall(r) for r in runs]
    return {"name": name, "wall_s": round(statistics.median(times), 3), "least_s": round(min(times), 3), "most_s": round(max(times), 3),
            "base": base_name, "ratio": round(statistics.median(times) / base, 2) if base else None,
            "cpu_s": round(median(runs, lambda r: r.cpu), 2), "peak_mb": round(max(r.memory for r in runs))}


def measure(db, program, work, rounds):
    store, dump, target = work / "way-back-store", work / "dump.sql", work / "restored.db"
    remove(store)
    litekeep = [program, "--store", store]
    backup = [*litekeep, "-q", "backup", "--init", db]
    Run(backup)
    name = db.stem
    with open(dump, "wb") as to:
        subprocess.run(["sqlite3", db, ".dump"], stdout=to, check=True)
    folder = next(p for p in (store / name).iterdir() if p.is_dir() and not p.name.startswith("."))
    files = folder / "parquet" / f"{TABLE}.parquet"  # a file, or a folder of parts
    what = f"{name}@{folder.name}"
    contenders = [
        ("sqlite3 new.db < dump.sql", ["sqlite3", target], dump),
        ("restore, from Parquet", [*litekeep, "-q", "restore", what, "--to", target], None),
        ("restore, from JSON lines", [*litekeep, "-q", "restore", what, "--to", target, "--from", "json"], None),
        ("restore --check full", [*litekeep, "-q", "restore", what, "--to", target, "--check", "full"], None),
        ("backup", backup, None),
        ("verify", [*litekeep, "-q", "verify", what], None),
    ]
    for title, sql, column, expression in QUERIES:
        contenders.append((f"pyarrow: {title}", [sys.executable, "-c", PYARROW.format(expression=expression), files, column], None))
        contenders.append((f"query: {title}", [*litekeep, "query", what, sql], None))
    runs = {title: [] for title, _, _ in contenders}
    for number in range(rounds):
        for title, command, source in contenders:
            remove(target)
            warm(source or db)
            runs[title].append(Run(command, stdin=source))
            print(f"  round {number + 1}: {title}: {runs[title][-1].wall:.2f} s", file=sys.stderr, flush=True)
    for path in (target, dump):
        remove(path)
    remove(store)
    replay, backed = median(runs["sqlite3 new.db < dump.sql"]), median(runs["backup"])
    rows = [row("sqlite3 new.db < dump.sql", runs["sqlite3 new.db < dump.sql"], "", None)]
    rows += [row(f"litekeep {title}", runs[title], "the dump's replay", replay) for title in runs if title.startswith("restore")]
    rows += [row("litekeep backup", runs["backup"], "", None), row("litekeep verify", runs["verify"], "the backup", backed)]
    for title, *_ in QUERIES:
        inside = lambda r: float(r.output)
        base = statistics.median(inside(r) for r in runs[f"pyarrow: {title}"])
        rows.append(row(f"pyarrow, in process: {title}", runs[f"pyarrow: {title}"], "", None, inside))
        rows.append(row(f"litekeep query: {title}", runs[f"query: {title}"], "pyarrow", base))
    return rows
