"""Databases with every value, name and schema that is awkward to carry into another format."""
import pathlib
import sqlite3
import struct

INTEGERS = [0, 1, -1, 127, 128, -129, 2**31, -2**31 - 1, 2**53 - 1, 2**53, 2**53 + 1, -2**53 - 1, 2**62 + 1, 2**63 - 1, -2**63]
REALS = [0.0, -0.0, 1.0, -1.0, 0.1, 1 / 3, 5e-324, -5e-324, 2.2250738585072014e-308, 2.225073858507201e-308,
         1.7976931348623157e308, float("inf"), float("-inf"), 1e15, 1e16, 1e17, 123456789012345680.0, 9007199254740993.0,
         9.2233720368547758e18, -9.2233720368547758e18, 1e300, 4.35, 5.0, 1e18, 0.30000000000000004, 1e-7, 1e21, 1e22, 1e23]
TEXTS = ["", " ", "a", "NULL", "null", "NaN", "inf", "9e999", "007", "5", "5.00", "1e5", "0x10", "true", "2024-05-29",
         "2024-05-29 09:14:42", "nul\0inside", "\0", "\0\0", "quote\"'`\\", "tab\tnew\nline\r\n\b\f", "".join(map(chr, range(1, 32))),
         "\x7f\x80\x9f", "\u00e9", "e\u0301", "東京", "🦋", "\u2028\u2029", "\ufeffBOM", "\ufffd", "\uffff", "\U0010ffff",
         "\u202ereversed", "</script>", "$base64", '{"$base64":"AAAA"}', "x" * 65535, "y" * 65536, "é" * 40000]
BLOBS = [b"", b"\0", b"abc", b"\xff\xfe", bytes(range(256)), b"\0" * 4096, b"PAR1", "é".encode()]
# Not UTF-8: lone continuation, overlong, surrogate, beyond U+10FFFF, cut short; with a NUL.
RAWTEXTS = [b"\x80", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"caf\xe9", b"\xe6\x9d", b"a\0\xff", b"\xff\xfe\xfd" * 100]
# Not UTF-16: a lone high surrogate before a letter, a lone low one, an odd number of bytes (SQLite drops the odd one).
RAWTEXTS_16LE = [b"\x00\xd8\x41\x00", b"\x00\xdc", b"\x00\xd8", b"A\x00\x00\xd8\x00\xd8", b"\x00\xd8\x00\xdc\x00\xd8"]

# What SQLite takes as a table's name, and a file system, a shell, a spreadsheet or a terminal may not.
TABLE_NAMES = ["a/b", "../../x", ".", "..", "-rf", "$(id)", "`id`", "; rm -rf .", "new\nline", "cr\rlf", "", " ", "\u00e9", "e\u0301", "É", "東京",
               "n" * 300, "m" * 100, "m" * 101, "é" * 120, "con", "NUL", "aux.txt", "COM1.parquet", "trailing.", "trailing ", "a%2Fb", "a%2fb~", "name~1234abcd",
               "quote\"quote", "it's", "back\\slash", "C:\\x", "manifest.json", "x.parquet", "x.json.gz", "x.json", "x", "part-00001",
               "\x1b[31mred\x1b[0m", "bell\a", "\x7f", "\u202etxt.exe", "🦋", "tab\tname", "*", "?", "a:b", "<a>", "|", "select", "table", "0", "_", ".hidden",
               "\ufeffbom", "\uffff", "Ⅷ", "ß", "ẞ", "ı", "İ"]


def connect(path):
    return sqlite3.connect(path, isolation_level=None)


def quote(name):
    return '"' + name.replace('"', '""') + '"'


def all_values():
    return [None, *INTEGERS, *REALS, *TEXTS, *BLOBS]


def values(db):
    """Every value in a column of every declared type."""
    types = ["", "INTEGER", "TEXT", "REAL", "NUMERIC", "BLOB", "DECIMAL(10,2)", "BOOLEAN", "DATE", "DATETIME", "VARCHAR(255)", "BIGINT",
             "DOUBLE PRECISION", "FLOATING POINT", "STRING", "ANY", "CHARINT", "JSON"]
    names = [f"c{i}_{t.split('(')[0].split(' ')[0].lower()}" for i, t in enumerate(types)]
    db.execute(f"CREATE TABLE everything (id INTEGER PRIMARY KEY, {', '.join(f'{quote(n)} {t}' for n, t in zip(names, types))})")
    db.executemany(f"INSERT INTO everything VALUES (NULL, {','.join('?' * len(types))})", [[v] * len(types) for v in all_values()])
    for raw in RAWTEXTS:
        db.execute(f"INSERT INTO everything VALUES (NULL, {','.join(['CAST(?1 AS TEXT)'] * len(types))})", [raw])
    # One table a class, and one a pair of classes: each plan of columns there is.
    classes = {"null": [None] * 5, "integer": INTEGERS, "exact": [0, 1, -7, 2**53, 10**15], "real": REALS, "text": TEXTS[:40], "blob": BLOBS,
               "raw": [("raw", r) for r in RAWTEXTS]}
    for first in classes:
        for second in classes:
            for affinity in ("", "NUMERIC", "REAL", "TEXT", "INTEGER"):
                table = f"pair_{first}_{second}_{affinity or 'none'}"
                db.execute(f"CREATE TABLE {table} (v {affinity})")
                for value in classes[first] + classes[second][:3]:
                    if isinstance(value, tuple):
                        db.execute(f"INSERT INTO {table} VALUES (CAST(? AS TEXT))", [value[1]])
                    else:
                        db.execute(f"INSERT INTO {table} VALUES (?)", [value])
    # Money: NUMERIC affinity keeps '5.00' as the integer 5 and 2.5 as a real.
    db.execute("CREATE TABLE money (id INTEGER PRIMARY KEY, price DECIMAL(10,2), flag BOOLEAN, day DATE, at TIMESTAMP)")
    db.executemany("INSERT INTO money VALUES (?,?,?,?,?)",
                   [(i, f"{i * 0.25:.2f}", i % 2, f"2024-05-{i % 28 + 1:02d}", 1716336000 + i if i % 3 else f"2024-05-29 09:14:{i % 60:02d}")
                    for i in range(500)])
    # The surprise comes late: the plan made for the first rows does not hold.
    db.execute("CREATE TABLE late (id INTEGER PRIMARY KEY, v)")
    db.execute("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<200000) INSERT INTO late SELECT i, i FROM n")
    db.execute("UPDATE late SET v = 'surprise' WHERE id = 199999")
    db.execute("UPDATE late SET v = 0.5 WHERE id = 150001")
    db.execute("UPDATE late SET v = 9007199254740993 WHERE id = 200000")
    # Sparse NULLs, few and many distinct texts: dictionary or not, levels in runs or bit-packed.
    db.execute("CREATE TABLE runs (id INTEGER PRIMARY KEY, few TEXT, many TEXT, rare TEXT, alternating INTEGER, constant REAL)")
    db.execute("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<70000) INSERT INTO runs SELECT i,"
               " 'kind' || (i % 7), hex(i * 2654435761), CASE WHEN i % 9999 = 0 THEN 'here' END, CASE WHEN i % 2 THEN i END, 1.5 FROM n")


def changed_affinity(db):
    """Values that predate a change of affinity: the affinity does not say which were integers."""
    for affinity in ("NUMERIC", "INTEGER", "REAL", "TEXT", "BLOB"):
        table = f"was_blob_now_{affinity.lower()}"
        db.execute(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, v BLOB)")
        db.executemany(f"INSERT INTO {table} (v) VALUES (?)", [[v] for v in [5, 5.0, -0.0, 0, 0.0, 2.5, 1e18, 10**18, "5", "5.0", None, 2**53, float(2**53)]])
        table = f"numbers_now_{affinity.lower()}"
        db.execute(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, v BLOB)")
        db.executemany(f"INSERT INTO {table} (v) VALUES (?)", [[v] for v in [5, 5.0, -0.0, 2.5, None, 1e18]])
    db.execute("PRAGMA writable_schema = ON")
    for affinity in ("NUMERIC", "INTEGER", "REAL", "TEXT", "BLOB"):
        db.execute("UPDATE sqlite_schema SET sql = replace(sql, 'v BLOB', 'v ' || ?1) WHERE name IN (?2, ?3)",
                   [affinity, f"was_blob_now_{affinity.lower()}", f"numbers_now_{affinity.lower()}"])
    db.execute("PRAGMA writable_schema = RESET")


def keys(db):
    """Rowids and primary keys of every kind."""
    db.executescript("""
        CREATE TABLE plain (v);                              INSERT INTO plain VALUES (10), (20), (30);
        CREATE TABLE gaps (v);                               INSERT INTO gaps VALUES (1), (2), (3), (4), (5);  DELETE FROM gaps WHERE v IN (1, 3);
        CREATE TABLE sparse (v);
        INSERT INTO sparse (rowid, v) VALUES (-9223372036854775808, 'lowest'), (-5, 'a'), (0, 'b'), (1, 'c'), (1000000007, 'd'), (9223372036854775807, 'highest');
        CREATE TABLE alias (id INTEGER PRIMARY KEY, v);      INSERT INTO alias VALUES (-9223372036854775808, 'lowest'), (9223372036854775807, 'highest'), (0, NULL);
        CREATE TABLE alias_desc (id INTEGER PRIMARY KEY DESC, v); INSERT INTO alias_desc VALUES (3, 'c'), (1, 'a'), (7, 'g');
        CREATE TABLE int_key (id INT PRIMARY KEY, v);        INSERT INTO int_key VALUES (5, 'e'), (NULL, 'null key'), (2, 'b');
        CREATE TABLE text_key (id TEXT PRIMARY KEY, v);      INSERT INTO text_key VALUES ('b', 1), ('a', 2); DELETE FROM text_key WHERE id = 'b'; INSERT INTO text_key VALUES ('c', 3);
        CREATE TABLE auto (id INTEGER PRIMARY KEY AUTOINCREMENT, v); INSERT INTO auto (v) VALUES ('x'), ('y'); DELETE FROM auto WHERE id = 2;
        CREATE TABLE auto_empty (id INTEGER PRIMARY KEY AUTOINCREMENT); INSERT INTO auto_empty DEFAULT VALUES; DELETE FROM auto_empty;
        CREATE TABLE named_rowid (rowid TEXT, v);            INSERT INTO named_rowid VALUES ('not a rowid', 1), ('nor this', 2); DELETE FROM named_rowid WHERE v = 1;
        CREATE TABLE named_two (rowid, _rowid_, v);          INSERT INTO named_two (oid, rowid, _rowid_, v) VALUES (50, 'r', 's', 1), (70, 't', 'u', 2);
        CREATE TABLE named_all (rowid, _rowid_, oid, v);     INSERT INTO named_all VALUES (1, 2, 3, 4), ('a', 'b', 'c', 'd');
        CREATE TABLE named_key (rowid INTEGER PRIMARY KEY, _rowid_ TEXT, oid REAL); INSERT INTO named_key VALUES (9, 'x', 0.5), (4, 'y', 1.5);
        CREATE TABLE shifted (oid TEXT, _ROWID_ INTEGER PRIMARY KEY, ROWID BLOB); INSERT INTO shifted VALUES ('o', 44, x'00');
        CREATE TABLE no_rowid (a TEXT, b BLOB, c INTEGER, v, PRIMARY KEY (c, a DESC, b)) WITHOUT ROWID;
        INSERT INTO no_rowid VALUES ('x', x'00', 5, 1), ('y', x'', 5, 2), ('x', x'00', -5, 3), ('', x'ff', 9223372036854775807, NULL);
        CREATE TABLE no_rowid_mixed (k PRIMARY KEY, v) WITHOUT ROWID;
        INSERT INTO no_rowid_mixed VALUES (1, 'int'), (1.5, 'real'), ('1', 'text'), (x'31', 'blob'), (-1e300, 'small'), ('', 'empty'), (x'', 'empty blob');
        CREATE TABLE no_rowid_nocase (k TEXT COLLATE NOCASE PRIMARY KEY, v) WITHOUT ROWID; INSERT INTO no_rowid_nocase VALUES ('b', 1), ('A', 2), ('c', 3), ('B2', 4);
        CREATE TABLE no_rowid_integer (id INTEGER PRIMARY KEY, v) WITHOUT ROWID; INSERT INTO no_rowid_integer VALUES (3, 'c'), (-1, 'z');
        CREATE TABLE empty (id INTEGER PRIMARY KEY, a TEXT, b REAL, c BLOB, d);
        CREATE TABLE empty_no_rowid (a, b, PRIMARY KEY (b, a)) WITHOUT ROWID;
        CREATE TABLE nothing_but_null (v);                   INSERT INTO nothing_but_null VALUES (NULL), (NULL);
        CREATE TABLE strict_table (i INT, t TEXT, r REAL, b BLOB, a ANY) STRICT; INSERT INTO strict_table VALUES (1, '1', 1, x'31', '007'), (NULL, NULL, NULL, NULL, 7);
        CREATE TABLE generated (a INTEGER, b TEXT, twice INTEGER GENERATED ALWAYS AS (a * 2) VIRTUAL, kept TEXT AS (b || '!') STORED, c, later AS (c) VIRTUAL);
        INSERT INTO generated (a, b, c) VALUES (1, 'one', x'01'), (2, 'two', 2.5), (9223372036854775807, NULL, NULL);
        CREATE TABLE generated_key (a TEXT, k TEXT AS (lower(a)) STORED, v, PRIMARY KEY (a)) WITHOUT ROWID; INSERT INTO generated_key (a, v) VALUES ('ABC', 1), ('abd', 2);
    """)


def schema_objects(db):
    db.executescript('''
        CREATE TABLE person (id INTEGER PRIMARY KEY, name TEXT NOT NULL DEFAULT 'it''s', age INTEGER CHECK (age >= 0), boss REFERENCES person (id) ON DELETE CASCADE);
        INSERT INTO person VALUES (1, 'Ada', 36, NULL), (2, 'Grace', 85, 1);
        CREATE INDEX person_name ON person (name COLLATE NOCASE DESC);
        CREATE UNIQUE INDEX person_expression ON person (lower(name), age + 1);
        CREATE INDEX person_partial ON person (age) WHERE age > 50;
        CREATE VIEW adults AS SELECT * FROM person WHERE age >= 18;
        CREATE VIEW broken AS SELECT * FROM no_such_table;
        CREATE TABLE log (what);
        CREATE TRIGGER person_added AFTER INSERT ON person BEGIN INSERT INTO log VALUES (new.name); END;
        CREATE TRIGGER adults_insert INSTEAD OF INSERT ON adults BEGIN INSERT INTO person VALUES (NULL, new.name, new.age, NULL); END;
        INSERT INTO person VALUES (3, 'Ken', 81, 1);
        CREATE VIRTUAL TABLE note USING fts5 (title, body, tokenize = 'porter unicode61');
        INSERT INTO note VALUES ('one', 'the quick brown fox'), ('two', 'jumps over 東京');
        CREATE VIRTUAL TABLE note4 USING fts4 (body);
        INSERT INTO note4 VALUES ('lazy dogs');
        CREATE VIRTUAL TABLE box USING rtree (id, x0, x1, y0, y1, +label);
        INSERT INTO box VALUES (1, 0, 1, 0, 1, 'unit'), (2, -5, 5, 2.5, 3.5, 'wide');
        CREATE /* a comment */ TABLE "with ""quotes""" (
            -- and a comment here
            "col ""umn" TEXT, [bracket] INTEGER, `tick` REAL);
        INSERT INTO "with ""quotes""" VALUES ('a', 1, 0.5);
        PRAGMA user_version = -17;
        PRAGMA application_id = 1196444487;
        ANALYZE;
    ''')


def names(db):
    """Hostile names of tables and columns."""
    for i, name in enumerate(TABLE_NAMES):
        try:
            db.execute(f"CREATE TABLE {quote(name)} (id INTEGER PRIMARY KEY, v)")
        except sqlite3.OperationalError as error:
            assert "already exists" in str(error), (name, error)
            continue
        db.execute(f"INSERT INTO {quote(name)} (v) VALUES (?)", [i])
        db.execute(f"INSERT INTO {quote(name)} (v) VALUES (?)", [name])
    db.execute("CREATE TABLE collide (price, price__text, price__int, price__is_int, price__real, price__blob, price__rawtext, PRICE__TEXT_, _rowid__, v)")
    db.execute("INSERT INTO collide (rowid, price, price__text, price__int) VALUES (5, 1, 'own', 2), (9, 'text', 3, 'x'), (12, 0.5, NULL, 0.25), (13, x'00', x'01', 1)")
    db.execute("INSERT INTO collide (price, price__is_int) VALUES (9007199254740993, 1), (CAST(x'ff' AS TEXT), 'y')")
    columns = ["", " ", "a b", "new\nline", "\u00e9", "e\u0301", "É", "東京", "quote\"", "$base64", "a.b", "a/b", "\x1b[31m", "c" * 300, "id__is_int", "🦋", "list", "element", "k\\", "\u2028"]
    db.execute(f"CREATE TABLE columns ({', '.join(quote(c) for c in columns)})")
    for i in range(4):
        db.execute(f"INSERT INTO columns VALUES ({','.join('?' * len(columns))})", [[i, str(i), i + 0.5, b"\0"][(i + j) % 4] for j in range(len(columns))])


def wide(db):
    db.execute(f"CREATE TABLE wide ({', '.join(f'c{i} {t}' for i, t in zip(range(2000), ['INTEGER', 'TEXT', 'REAL', ''] * 500))})")
    for row in range(5):
        db.execute(f"INSERT INTO wide VALUES ({','.join('?' * 2000)})", [[row * i, f"t{row}-{i}", row / (i + 1), None][i % 4] for i in range(2000)])


def huge(db):
    db.execute("CREATE TABLE huge (id INTEGER PRIMARY KEY, t TEXT, b BLOB)")
    db.execute("INSERT INTO huge VALUES (1, replace(hex(zeroblob(1500000)), '00', 'éx'), zeroblob(5000000)), (2, 'small', x''), (3, NULL, randomblob(3000000))")
    db.execute("INSERT INTO huge VALUES (4, CAST(zeroblob(3000001) AS TEXT), NULL), (5, CAST(x'ff' || zeroblob(70000) AS TEXT), x'01')")


def many_parts(db):
    """More than 96 MiB of raw values: parts."""
    db.execute("CREATE TABLE big (id INTEGER PRIMARY KEY, a TEXT, b INTEGER, c REAL)")
    db.execute("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<220000) INSERT INTO big SELECT i,"
               " hex(i * 2654435761) || substr(hex(zeroblob(300)), 1, 460), i * 7, i / 3.0 FROM n")


def utf16(db, little):
    db.execute(f"PRAGMA encoding = 'UTF-16{'le' if little else 'be'}'")
    db.execute("CREATE TABLE texts (id INTEGER PRIMARY KEY, t TEXT)")
    db.executemany("INSERT INTO texts (t) VALUES (?)", [[t] for t in TEXTS])
    db.execute("CREATE TABLE mixed (id INTEGER PRIMARY KEY, v)")
    db.executemany("INSERT INTO mixed (v) VALUES (?)", [[v] for v in all_values()])
    db.execute("CREATE TABLE ill (id INTEGER PRIMARY KEY, t TEXT)")
    for raw in RAWTEXTS_16LE:
        if not little:
            raw = b"".join(raw[i + 1:i + 2] + raw[i:i + 1] for i in range(0, len(raw), 2))
        db.execute("INSERT INTO ill (t) VALUES (CAST(? AS TEXT))", [raw])
    db.execute("INSERT INTO ill (t) VALUES ('well')")
    db.execute("CREATE TABLE 東京 (\"é\" TEXT PRIMARY KEY, \"🦋\") WITHOUT ROWID")
    db.execute("INSERT INTO 東京 VALUES ('ключ', 1), ('東', 'ю')")


def make(folder):
    """All of them below `folder`; their paths."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    recipes = {
        "values.db": values, "affinity.db": changed_affinity, "keys.db": keys, "schema.sqlite": schema_objects, "names.sqlite3": names, "wide.db": wide,
        "huge.db": huge, "parts.db": many_parts, "utf16le.db": lambda db: utf16(db, True), "utf16be.db": lambda db: utf16(db, False),
        "page512.db": lambda db: (db.execute("PRAGMA page_size = 512"), db.execute("PRAGMA auto_vacuum = FULL"), keys(db)),
        "page65536.db": lambda db: (db.execute("PRAGMA page_size = 65536"), db.execute("PRAGMA auto_vacuum = INCREMENTAL"), keys(db)),
        "no extension": keys,
        "odd \n\x1b[31mname;$(id).db": lambda db: db.execute("CREATE TABLE t (x)"),
        "schema only.db": lambda db: db.execute("CREATE VIEW v AS SELECT 1"),
    }
    paths = []
    for name, recipe in recipes.items():
        path = folder / name
        db = connect(path)
        db.execute("PRAGMA synchronous = OFF")
        if name == "names.sqlite3":
            db.execute("PRAGMA journal_mode = WAL")
        recipe(db)
        db.close()
        paths.append(path)
    (folder / "zero.db").touch()
    paths.append(folder / "zero.db")
    return paths


def spoil(source, target, table, column_bytes=64):
    """A copy of `source` in which one leaf page of `table` is overwritten: only reading that table fails."""
    data = bytearray(pathlib.Path(source).read_bytes())
    page_size = struct.unpack(">H", data[16:18])[0]
    db = connect(source)
    (page,) = db.execute("SELECT pageno FROM dbstat WHERE name = ? AND pagetype = 'leaf' ORDER BY pageno DESC LIMIT 1", [table]).fetchone()
    db.close()
    data[(page - 1) * page_size:page * page_size] = b"\xa5" * page_size
    pathlib.Path(target).write_bytes(data)
