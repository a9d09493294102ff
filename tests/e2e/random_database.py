"""Databases with random schemas and random values: the same seed makes the same database.

    make(path, seed)

What is made has all that DESIGN's "The same database" names, in combinations that nobody would think of.
"""
import random
import sqlite3
import struct

import awkward

TYPES = ["", "INTEGER", "INT", "BIGINT", "TEXT", "VARCHAR(20)", "CLOB", "REAL", "DOUBLE", "FLOAT", "NUMERIC", "DECIMAL(10,2)", "BOOLEAN", "DATE",
         "DATETIME", "BLOB", "STRING", "ANY", "JSON"]
STRICT_TYPES = ["INT", "INTEGER", "REAL", "TEXT", "BLOB", "ANY"]
COLLATIONS = ["BINARY", "NOCASE", "RTRIM"]
PAGE_SIZES = [512, 1024, 4096, 8192, 65536]
ALPHABET = "abcXYZ019 _-./é東🦋ßİ\"'`\\%\t\n\0\x7f\u202e\ufeff"


def quote(name):
    return '"' + name.replace('"', '""') + '"'


def literal(text):
    return "'" + text.replace("'", "''") + "'"


class Maker:
    def __init__(self, db, seed):
        self.db = db
        self.r = random.Random(seed)
        self.names = set()
        self.little = True
        self.utf16 = False

    # Values.

    def text(self, longest=40):
        r = self.r
        if r.random() < 0.3:
            return r.choice(awkward.TEXTS[:37])
        if r.random() < 0.02:
            return "".join(r.choice(ALPHABET) for _ in range(10)) * r.randrange(100, 3000)
        return "".join(r.choice(ALPHABET) for _ in range(r.randrange(longest)))

    def integer(self):
        r = self.r
        if r.random() < 0.3:
            return r.choice(awkward.INTEGERS)
        return r.randrange(-2**r.randrange(1, 63), 2**r.randrange(1, 63))

    def real(self):
        r = self.r
        kind = r.random()
        if kind < 0.3:
            return r.choice(awkward.REALS)
        if kind < 0.6:
            return float(r.randrange(-1000, 1000)) / r.choice([1, 2, 4, 10, 100])
        value = struct.unpack("<d", struct.pack("<Q", r.getrandbits(64)))[0]
        return value if value == value else 0.5

    def blob(self):
        r = self.r
        if r.random() < 0.3:
            return r.choice(awkward.BLOBS)
        return r.randbytes(r.randrange(40) if r.random() < 0.95 else r.randrange(30000))

    def raw(self):
        """Bytes that become text, valid or not."""
        r = self.r
        if self.utf16:
            value = r.choice(awkward.RAWTEXTS_16LE)
            return value if self.little else b"".join(value[i + 1:i + 2] + value[i:i + 1] for i in range(0, len(value), 2))
        return r.choice(awkward.RAWTEXTS) if r.random() < 0.5 else r.randbytes(r.randrange(12))

    def value(self, kinds):
        """A value, and whether it is bytes to be cast to text."""
        kind = self.r.choice(kinds)
        if kind == "null":
            return None, False
        if kind == "raw":
            return self.raw(), True
        return getattr(self, kind)(), False

    def kinds(self):
        """Most columns hold mostly one class; some hold everything."""
        r = self.r
        everything = ["null", "integer", "real", "text", "blob", "raw"]
        if r.random() < 0.2:
            return everything
        main = r.choice(everything)
        return [main] * r.choice([1, 5, 50]) + [r.choice(everything) for _ in range(r.randrange(3))]

    # Names.

    def name(self):
        r = self.r
        for _ in range(100):
            kind = r.random()
            if kind < 0.5:
                name = r.choice("abcdefgh") + str(r.randrange(1000))
            elif kind < 0.8:
                name = r.choice(awkward.TABLE_NAMES)
            else:
                name = self.text(12).replace("\0", "")
            lower = "".join(c.lower() if c.isascii() else c for c in name)
            if lower.startswith("sqlite_") or lower in self.names or len(name) > 200:
                continue
            self.names.add(lower)
            return name
        raise AssertionError("no name is free")

    def columns(self, count):
        r = self.r
        own = set()
        found = []
        while len(found) < count:
            kind = r.random()
            if kind < 0.7:
                name = r.choice("kvxyz") + str(r.randrange(50))
            elif kind < 0.8:
                name = r.choice(["rowid", "_rowid_", "oid"])
            else:
                name = r.choice(awkward.TABLE_NAMES[:40])
            lower = "".join(c.lower() if c.isascii() else c for c in name)
            # With all three names taken nobody can ask for the rowids: that has a test of its own.
            if lower not in own and len((own | {lower}) & {"rowid", "_rowid_", "oid"}) < 3:
                own.add(lower)
                found.append(name)
        return found

    # Tables.

    def table(self):
        r = self.r
        table = self.name()
        names = self.columns(r.randrange(1, 9))
        strict = r.random() < 0.12
        types = [r.choice(STRICT_TYPES if strict else TYPES) for _ in names]
        parts = []
        for name, declared in zip(names, types):
            part = f"{quote(name)} {declared}"
            if r.random() < 0.15:
                part += f" COLLATE {r.choice(COLLATIONS)}"
            if r.random() < 0.15:
                part += f" DEFAULT {r.choice(['0', '-1.5', 'NULL', literal('it is'), 'CURRENT_TIMESTAMP', '(1 + 2)'])}"
            if r.random() < 0.05:
                part += f" CHECK ({quote(name)} IS NOT {literal('forbidden')})"
            if r.random() < 0.08:
                part += " UNIQUE"
            parts.append(part)
        key = r.random()
        without_rowid = False
        alias, auto = None, r.random() < 0.4
        if key < 0.3:
            alias = names[0]
            parts[0] = f"{quote(alias)} INTEGER PRIMARY KEY" + (" AUTOINCREMENT" if auto else "")
        elif key < 0.6:
            chosen = r.sample(names, r.randrange(1, min(3, len(names)) + 1))
            columns = ", ".join(quote(n) + (f" COLLATE {r.choice(COLLATIONS)}" if r.random() < 0.2 else "") + r.choice(["", "", " DESC"]) for n in chosen)
            parts.append(f"PRIMARY KEY ({columns})")
            without_rowid = r.random() < 0.7
        stored = list(names)
        for i in range(r.choice([0, 0, 0, 1, 2])):
            source = quote(r.choice(names))
            declared = r.choice(STRICT_TYPES[3:] if strict else TYPES)
            how = r.choice(["VIRTUAL", "STORED"])
            expression = r.choice([f"({source})", f"(typeof({source}))", f"(CASE WHEN {source} IS NULL THEN 1 ELSE {source} END)", f"(length(hex({source})))"])
            if strict:
                declared = "ANY"
            parts.insert(len(names), f"{quote(f'generated {i}')} {declared} AS {expression} {how}")
        options = [o for o, on in (("WITHOUT ROWID", without_rowid), ("STRICT", strict)) if on]
        comment = r.choice(["", "", " /* a comment */", " -- to the end\n"])
        if not self.attempt(f"CREATE TABLE{comment} {quote(table)} ({', '.join(parts)}) {', '.join(options)}"):
            return None
        self.fill(table, stored, alias, auto, without_rowid)
        return table, stored

    def fill(self, table, names, alias, auto, without_rowid):
        r = self.r
        rows = r.choice([0, 1, 3, 10, 40, 150])
        kinds = [self.kinds() for _ in names]
        low = {n.lower() for n in names}
        free = [n for n in ("rowid", "_rowid_", "oid") if n not in low]
        rowid = free[0] if free and not alias and not without_rowid and r.random() < 0.3 else None
        for _ in range(rows):
            values = [self.value(k) for k in kinds]
            if alias:  # behind the greatest rowid SQLite would choose one by chance
                values[0] = (r.choice([None, None, r.randrange(10**12)]) if auto else self.integer(), False)
            marks = ", ".join("CAST(? AS TEXT)" if cast else "?" for _, cast in values)
            targets = ", ".join(map(quote, names))
            content = [v for v, _ in values]
            if rowid:
                targets, marks, content = f"{rowid}, {targets}", f"?, {marks}", [self.integer(), *content]
            self.attempt(f"INSERT OR IGNORE INTO {quote(table)} ({targets}) VALUES ({marks})", content)
        if r.random() < 0.3:
            self.attempt(f"DELETE FROM {quote(table)} WHERE {quote(names[-1])} IN (SELECT {quote(names[-1])} FROM {quote(table)} LIMIT 2)")

    def attempt(self, sql, values=()):
        """What SQLite refuses for a good reason (a constraint, a name) is left out."""
        try:
            self.db.execute(sql, values)
            return True
        except (sqlite3.OperationalError, sqlite3.IntegrityError, sqlite3.DatabaseError, OverflowError) as error:
            assert "malformed" not in str(error), (sql, error)
            return False

    # What hangs on them.

    def index(self, tables):
        r = self.r
        table, names = r.choice(tables)
        columns = []
        for name in r.sample(names, r.randrange(1, min(3, len(names)) + 1)):
            expression = quote(name)
            if r.random() < 0.2:
                expression = r.choice([f"lower({expression})", f"{expression} + 1", f"typeof({expression})", f"substr({expression}, 1, 3)"])
            if r.random() < 0.2:
                expression += f" COLLATE {r.choice(COLLATIONS)}"
            columns.append(expression + r.choice(["", " ASC", " DESC"]))
        unique = "UNIQUE " if r.random() < 0.2 else ""
        where = f" WHERE {quote(r.choice(names))} IS NOT NULL" if r.random() < 0.25 else ""
        self.attempt(f"CREATE {unique}INDEX {quote(self.name())} ON {quote(table)} ({', '.join(columns)}){where}")

    def view(self, tables):
        table, names = self.r.choice(tables)
        self.attempt(f"CREATE VIEW {quote(self.name())} AS SELECT {quote(names[0])} AS v FROM {quote(table)} WHERE {quote(names[-1])} IS NOT NULL")

    def trigger(self, tables):
        table, names = self.r.choice(tables)
        event = self.r.choice(["INSERT", "DELETE", f"UPDATE OF {quote(names[0])}"])
        self.attempt(f"CREATE TRIGGER {quote(self.name())} AFTER {event} ON {quote(table)} BEGIN SELECT {literal(self.text(8).replace(chr(0), ''))}; END")

    def virtual(self):
        r = self.r
        name = "virtual_" + str(r.randrange(1000))
        kind = r.choice(["fts5", "fts5", "fts4", "rtree"])
        if kind == "rtree":
            if self.attempt(f"CREATE VIRTUAL TABLE {name} USING rtree (id, x0, x1, +extra)"):
                for i in range(r.randrange(60)):
                    low = r.randrange(-1000, 1000) / 4
                    self.attempt(f"INSERT INTO {name} VALUES (?, ?, ?, ?)", [i, low, low + r.randrange(100), self.text(5)])
            return
        options = r.choice(["", ", tokenize = 'porter'" if kind == "fts5" else "", ", content = ''" if kind == "fts5" else ""])
        if self.attempt(f"CREATE VIRTUAL TABLE {name} USING {kind} (title, body{options})"):
            for _ in range(r.randrange(40)):
                words = " ".join(r.choice(["quick", "brown", "fox", "東京", "lazy", "dog"]) for _ in range(r.randrange(1, 12)))
                self.attempt(f"INSERT INTO {name} (title, body) VALUES (?, ?)", [words[:9], words])

    def make(self):
        r = self.r
        encoding = r.choice(["UTF-8"] * 6 + ["UTF-16le", "UTF-16be"])
        self.utf16, self.little = encoding != "UTF-8", encoding != "UTF-16be"
        self.db.execute(f"PRAGMA encoding = '{encoding}'")
        self.db.execute(f"PRAGMA page_size = {r.choice(PAGE_SIZES)}")
        self.db.execute(f"PRAGMA auto_vacuum = {r.choice(['NONE', 'NONE', 'FULL', 'INCREMENTAL'])}")
        self.db.execute("PRAGMA synchronous = OFF")
        if r.random() < 0.3:
            self.db.execute("PRAGMA journal_mode = WAL")
        self.db.execute("BEGIN")
        tables = [t for t in (self.table() for _ in range(r.randrange(0, 7))) if t]
        for _ in range(r.randrange(0, 5) if tables else 0):
            self.index(tables)
        for _ in range(r.randrange(0, 3) if tables else 0):
            r.choice([self.view, self.trigger])(tables)
        if r.random() < 0.15:
            self.virtual()
        if tables and r.random() < 0.2:
            self.attempt(f"DROP TABLE {quote(r.choice(tables)[0])}")
        if r.random() < 0.4:
            self.db.execute(f"PRAGMA user_version = {r.randrange(-2**31, 2**31)}")
        if r.random() < 0.4:
            self.db.execute(f"PRAGMA application_id = {r.randrange(-2**31, 2**31)}")
        self.db.execute("COMMIT")
        if r.random() < 0.15:
            self.db.execute("ANALYZE")


def make(path, seed):
    """A new database in the file `path`."""
    db = sqlite3.connect(path, isolation_level=None)
    Maker(db, seed).make()
    db.close()
