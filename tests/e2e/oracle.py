"""Does a backup hold the same database as its source? Compared value by value, with no code of the program.

The source is read by Python's sqlite3. The backup is read twice: its Parquet files by pyarrow, and its JSON lines by Python's
json, both with the column map of the manifest (docs/STORE.md). A value is a pair of its class and its exact content:
("integer", int), ("real", 8 bytes), ("text", UTF-8 bytes), ("blob", bytes), ("rawtext", bytes in the database's encoding), or None.
"""
import base64
import gzip
import hashlib
import json
import os
import pathlib
import shutil
import sqlite3
import struct
import subprocess
import tempfile

import pyarrow.parquet

NULL = None


def real(value):
    return ("real", struct.pack("<d", value))


# The source.

def text_of(raw, encoding):
    """The value of text whose bytes in the database's encoding are `raw`."""
    try:
        return ("text", raw.decode(encoding, "strict").encode())
    except UnicodeError:
        return ("rawtext", raw)


CODECS = {"UTF-8": "utf-8", "UTF-16le": "utf-16-le", "UTF-16be": "utf-16-be"}


def quote(name):
    return '"' + name.replace('"', '""') + '"'


def open_source(path, collations=(), functions=()):
    """Read only, and only a copy where the database is in WAL mode: even a reader would leave files beside it."""
    path = pathlib.Path(path).absolute()
    with open(path, "rb") as file:
        wal = file.read(20)[18:19] == b"\x02"
    folder = None
    if wal:
        folder = tempfile.TemporaryDirectory(prefix="oracle-")
        for suffix in ("", "-wal"):
            if os.path.exists(f"{path}{suffix}"):
                shutil.copyfile(f"{path}{suffix}", f"{folder.name}/copy.db{suffix}")
        path = pathlib.Path(folder.name) / "copy.db"
    conn = sqlite3.connect(path.as_uri() + "?mode=ro", uri=True, isolation_level=None)
    conn.execute(f"PRAGMA trusted_schema = {'ON' if functions else 'OFF'}")  # stand-ins do no harm
    for name in collations:
        conn.create_collation(name, lambda a, b: (a > b) - (a < b))
    for name, arguments in functions:
        conn.create_function(name, arguments, lambda *_: None, deterministic=True)
    return conn, folder


class Table:
    """One table of the source: its stored columns by name, the values of each, and its rowids where it has any."""

    def __init__(self, conn, name, encoding):
        self.name = name
        info = conn.execute(f"PRAGMA table_xinfo({quote(name)})").fetchall()
        self.columns = [row[1] for row in info if row[6] != 2 and row[6] != 1]
        declared = {row[1]: (row[2], row[5]) for row in info}
        (self.without_rowid,) = conn.execute(
            "SELECT wr FROM pragma_table_list WHERE schema = 'main' AND name = ?", [name]).fetchone()
        lower = {row[1].lower() for row in info}
        free = [alias for alias in ("rowid", "_rowid_", "oid") if alias not in lower]
        keys = [n for n, (_, key) in declared.items() if key]
        self.alias = None  # the INTEGER PRIMARY KEY
        if not self.without_rowid and len(keys) == 1 and declared[keys[0]][0].upper() == "INTEGER":
            # INTEGER PRIMARY KEY DESC is no alias, and has an index of its own.
            indexed = [r for r in conn.execute(f"PRAGMA index_list({quote(name)})") if r[3] == "pk"]
            if not indexed:
                self.alias = keys[0]
        rowid = free[0] if free else (self.alias and quote(self.alias))
        self.hidden_rowid = not self.without_rowid and self.alias is None
        order = f" NOT INDEXED ORDER BY {rowid}" if not self.without_rowid and rowid else " NOT INDEXED"
        self.rowids = None
        if self.hidden_rowid and rowid:
            self.rowids = [r[0] for r in conn.execute(f"SELECT {rowid} FROM {quote(name)}{order}")]
        self.values = [[] for _ in self.columns]
        # A result has at most 2,000 columns, and each column of the table takes two.
        for first in range(0, len(self.columns), 500):
            chunk = self.columns[first:first + 500]
            parts = ", ".join(f"typeof({quote(c)}), CASE typeof({quote(c)}) WHEN 'text' THEN CAST({quote(c)} AS BLOB) ELSE {quote(c)} END"
                              for c in chunk)
            columns = self.values[first:first + 500]
            for row in conn.execute(f"SELECT {parts} FROM {quote(name)}{order}"):
                for i, column in enumerate(columns):
                    column.append(value_of(row[2 * i], row[2 * i + 1], encoding))
        (self.rows,) = conn.execute(f"SELECT count(*) FROM {quote(name)} NOT INDEXED").fetchone()


def value_of(kind, content, encoding):
    if kind == "text":
        # An empty CAST AS BLOB comes back as an empty blob; NULL would be another class.
        return text_of(content, encoding)
    if kind == "integer":
        return ("integer", content)
    if kind == "real":
        return real(content)
    if kind == "blob":
        return ("blob", content)
    return NULL


class Source:
    def __init__(self, path, collations=(), functions=(), tables=None):
        conn, folder = open_source(path, collations, functions)
        pragma = lambda name: conn.execute(f"PRAGMA {name}").fetchone()[0]
        self.encoding = pragma("encoding")
        self.pragmas = {name: pragma(name) for name in ("page_size", "auto_vacuum", "user_version", "application_id")}
        self.pragmas["encoding"] = self.encoding
        self.pragmas["wal"] = pragma("journal_mode") == "wal"
        codec = CODECS[self.encoding]
        self.schema = []
        for row in conn.execute("SELECT CAST(type AS BLOB), CAST(name AS BLOB), CAST(tbl_name AS BLOB), CAST(sql AS BLOB) FROM sqlite_schema"):
            self.schema.append(tuple(None if cell is None else text_of(cell, codec) for cell in row))
        names = [name for name, sql in conn.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'table'")
                 if not (sql or "").upper().lstrip().startswith("CREATE VIRTUAL")]
        self.tables = {name: Table(conn, name, codec) for name in names if tables is None or name in tables}
        conn.close()
        if folder:
            folder.cleanup()


# The backup.

def spelled(value):
    """Bytes of a name in the manifest, which are spelled as text in rows."""
    if value is None:
        return None
    if isinstance(value, str):
        return ("text", value.encode())
    if set(value) == {"$text_base64"}:
        return ("rawtext", base64.b64decode(value["$text_base64"], validate=True))
    raise AssertionError(f"not a name: {value!r}")


def load_json(raw):
    def unique(pairs):
        keys = [key for key, _ in pairs]
        assert len(keys) == len(set(keys)), f"a key twice: {keys}"
        return dict(pairs)

    def constant(word):
        raise AssertionError(f"not JSON: {word}")

    return json.loads(raw.decode("utf-8", "strict"), object_pairs_hook=unique, parse_constant=constant)


def affinity_of(declared):
    """https://www.sqlite.org/datatype3.html section 3.1"""
    declared = declared.upper()
    if "INT" in declared:
        return "INTEGER"
    if "CHAR" in declared or "CLOB" in declared or "TEXT" in declared:
        return "TEXT"
    if "BLOB" in declared or not declared:
        return "BLOB"
    if "REAL" in declared or "FLOA" in declared or "DOUB" in declared:
        return "REAL"
    return "NUMERIC"


CLASS_OF_MAIN = {"INT64": "integer", "DOUBLE": "real", "STRING": "text", "BYTE_ARRAY": "blob"}
ARROW_OF_MAIN = {"INT64": "int64", "DOUBLE": "double", "STRING": "string", "BYTE_ARRAY": "binary"}
ARROW_OF_CLASS = {"integer": "int64", "real": "double", "text": "string", "blob": "binary", "rawtext": "binary"}


def as_class(kind, content):
    if content is None:
        return NULL
    if kind == "text":
        return ("text", content.encode())
    if kind == "real":
        return real(content)
    return (kind, content)


def read_parquet_column(arrow, column):
    """One column of the table from its file columns."""
    kind = CLASS_OF_MAIN[column["main"]]
    name = column["column"]
    assert str(arrow.schema.field(name).type) == ARROW_OF_MAIN[column["main"]], (name, arrow.schema.field(name).type)
    values = [as_class(kind, content) for content in arrow.column(name).to_pylist()]
    if column.get("merged"):
        assert kind == "real"
        raw = arrow.column(name).to_pylist()
        if "is_int" in column:
            flags = arrow.column(column["is_int"]).to_pylist()
            assert all((flag is None) == (content is None) for flag, content in zip(flags, raw)), name
        else:
            # The affinity decides: NUMERIC and INTEGER keep an integral real inside 64 bits as an integer.
            whole = column["affinity"] in ("NUMERIC", "INTEGER")
            flags = [whole and content is not None and abs(content) < 2.0**63 and content == int(content) for content in raw]
        values = [("integer", int(content)) if flag else value for flag, content, value in zip(flags, raw, values)]
    for exception, file_column in column.get("exceptions", {}).items():
        assert str(arrow.schema.field(file_column).type) == ARROW_OF_CLASS[exception], file_column
        for row, content in enumerate(arrow.column(file_column).to_pylist()):
            if content is not None:
                assert values[row] is NULL, f"row {row}: {name} and {file_column} both have a value"
                values[row] = as_class(exception, content)
    return values


class Rows:
    """What a backup has of one table."""

    def __init__(self, columns):
        self.values = [[] for _ in range(columns)]
        self.rowids = []
        self.rows = 0


def plan_members(plan):
    return {key: value for key, value in plan.items() if key != "first_rowid"}


def read_parquet(folder, table):
    plan = table["columns"]
    rows = Rows(len(plan["columns"]))
    for part in table["parts"]:
        path = folder / part["files"]["parquet"]["file"]
        with pyarrow.parquet.ParquetFile(path, page_checksum_verification=True) as file:
            own = json.loads(file.metadata.metadata[b"litekeep"])
            assert plan_members(own) == plan_members(plan), f"{path.name}: the file's column map is not the manifest's"
            assert file.metadata.num_rows == part["rows"]
            arrow = file.read()
        expected = [plan["rowid"]] if "rowid" in plan else []
        for column in plan["columns"]:
            expected += [column["column"]] + ([column["is_int"]] if "is_int" in column else [])
            expected += [column["exceptions"][c] for c in ("integer", "real", "text", "blob", "rawtext") if c in column.get("exceptions", {})]
        assert arrow.schema.names == expected
        assert len({name.encode().lower() for name in expected}) == len(expected), "two columns that differ in ASCII case only"
        if "rowid" in plan:
            rows.rowids += arrow.column(plan["rowid"]).to_pylist()
        elif plan.get("hidden_rowid"):
            first = own.get("first_rowid", 1)
            rows.rowids += range(first, first + part["rows"])
        for i, column in enumerate(plan["columns"]):
            rows.values[i] += read_parquet_column(arrow, column)
        rows.rows += arrow.num_rows
    return rows


def json_value(value):
    if value is None:
        return NULL
    if isinstance(value, str):
        return ("text", value.encode("utf-8", "strict"))
    if isinstance(value, bool):
        raise AssertionError("a boolean is no SQLite value")
    if isinstance(value, int):
        assert -2**63 <= value < 2**63
        return ("integer", value)
    if isinstance(value, float):
        return real(value)
    (key, content), = value.items()
    return ({"$base64": "blob", "$text_base64": "rawtext"}[key], base64.b64decode(content, validate=True))


def plain(path):
    """The file's content, decompressed by what its name says."""
    raw = path.read_bytes()
    if path.suffix == ".gz":
        return gzip.decompress(raw)
    if path.suffix == ".zst":
        return subprocess.run(["zstd", "-dc", path], stdout=subprocess.PIPE, check=True).stdout
    return raw


def read_json(folder, table):
    plan = table["columns"]
    names = [column["column"] for column in plan["columns"]]
    expected = ([plan["rowid"]] if "rowid" in plan else []) + names
    rows = Rows(len(names))
    for part in table["parts"]:
        content = plain(folder / part["files"]["json"]["file"])
        assert content == b"" or content.endswith(b"\n")
        lines = content.split(b"\n")[:-1]
        assert len(lines) == part["rows"]
        first = part.get("first_rowid", 1) or 1
        for number, line in enumerate(lines):
            row = load_json(line)
            assert list(row) == expected
            if "rowid" in plan:
                rows.rowids.append(row[plan["rowid"]])
            elif plan.get("hidden_rowid"):
                rows.rowids.append(first + number)
            for column, name in zip(rows.values, names):
                column.append(json_value(row[name]))
        rows.rows += len(lines)
    return rows


class Backup:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.manifest = load_json((self.folder / "manifest.json").read_bytes())
        self.tables = {}
        for table in self.manifest["tables"]:
            kind, name = spelled(table["name"])
            self.tables[name.decode() if kind == "text" else name] = table

    def files(self):
        for path in sorted(self.folder.rglob("*")):
            assert not path.is_symlink()
            if path.is_file():
                yield path

    def parts(self, table):
        return self.tables[table]["parts"]


def show(value):
    text = repr(value)
    return text if len(text) < 200 else text[:200] + "…"


def compare_rows(source, rows, what):
    assert rows.rows == source.rows, f"{what}: {rows.rows} rows, the source has {source.rows}"
    if source.rowids is not None:
        assert rows.rowids == source.rowids, f"{what}: rowids differ"
    assert len(rows.values) == len(source.columns)
    for name, mine, theirs in zip(source.columns, rows.values, source.values):
        if mine != theirs:
            at = next(i for i, (a, b) in enumerate(zip(mine, theirs)) if a != b)
            raise AssertionError(f"{what}: column {name!r}, row {at}: {show(mine[at])}, the source has {show(theirs[at])}")


def check_files(backup):
    """SHA256SUMS covers every file but itself; the manifest every file but itself and SHA256SUMS; both are right."""
    sums = {}
    for line in (backup.folder / "SHA256SUMS").read_text().splitlines():
        digest, name = line.split("  ", 1)
        sums[name] = digest
    present = {str(path.relative_to(backup.folder)) for path in backup.files()}
    assert set(sums) == present - {"SHA256SUMS"}
    for name, digest in sums.items():
        assert hashlib.sha256((backup.folder / name).read_bytes()).hexdigest() == digest, name
    listed = {}

    def walk(node):
        if isinstance(node, dict):
            if {"file", "bytes", "sha256"} <= set(node):
                listed[node["file"]] = node
            for child in node.values():
                walk(child)
        elif isinstance(node, list):
            for child in node:
                walk(child)

    walk({key: value for key, value in backup.manifest.items() if key != "source"})
    assert set(listed) == present - {"SHA256SUMS", "manifest.json"}
    for name, entry in listed.items():
        assert entry["bytes"] == (backup.folder / name).stat().st_size
        assert entry["sha256"] == sums[name]


def check_schema(source, backup):
    rows = [tuple(spelled(cell) for cell in (row["type"], row["name"], row["tbl_name"], row["sql"]))
            for row in backup.manifest["schema"]]
    assert rows == source.schema
    pragmas = backup.manifest["pragmas"]
    for name, value in source.pragmas.items():
        assert pragmas[name] == value, f"{name}: {pragmas[name]}, the source has {value}"


def same(source_path, folder, collations=(), functions=(), formats=("parquet", "json"), tables=None, schema=True):
    """Assert that the backup in `folder` holds the database at `source_path`. How many values were compared."""
    source = Source(source_path, collations, functions, tables)
    backup = Backup(folder)
    check_files(backup)
    if schema:
        check_schema(source, backup)
    mine = {name for name in backup.tables if tables is None or name in tables}
    assert mine == set(source.tables)
    compared = 0
    for name, table in source.tables.items():
        entry = backup.tables[name]
        assert entry["rows"] == table.rows
        for column, original in zip(entry["columns"]["columns"], table.columns):
            assert spelled(column["name"]) == ("text", original.encode())
            assert column["affinity"] == affinity_of(column.get("type", "")), column
        if "parquet" in formats:
            compare_rows(table, read_parquet(backup.folder, entry), f"{name!r} in Parquet")
        if "json" in formats:
            compare_rows(table, read_json(backup.folder, entry), f"{name!r} in JSON")
        compared += table.rows * len(table.columns)
    return compared
