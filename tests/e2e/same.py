"""Are two database files the same database? Compared with no code of the program, by Python's sqlite3 alone.

The same (DESIGN, "The same database"): the rows of sqlite_schema in order; of every table, shadow and internal ones too, every row with its
rowid and each value's storage class and exact bytes; encoding, page_size, auto_vacuum, user_version, application_id, and whether it is in WAL mode.
"""
import oracle


class Different(AssertionError):
    """The message names the first difference."""


def shown(value):
    text = repr(value)
    return text if len(text) <= 200 else text[:200] + f"... ({len(text)} characters)"


def differ(what, a, b):
    raise Different(f"{what}: {shown(a)} became {shown(b)}")


def compare_schema(a, b):
    for number, (row_a, row_b) in enumerate(zip(a.schema, b.schema), 1):
        for column, cell_a, cell_b in zip(("type", "name", "tbl_name", "sql"), row_a, row_b):
            if cell_a != cell_b:
                differ(f"row {number} of sqlite_schema, {column}", cell_a, cell_b)
    if len(a.schema) != len(b.schema):
        differ("the number of rows of sqlite_schema", len(a.schema), len(b.schema))


def compare_tables(a, b):
    what = f"table {a.name!r}"
    for member in ("columns", "without_rowid", "alias", "hidden_rowid", "rows"):
        if getattr(a, member) != getattr(b, member):
            differ(f"{what}, {member}", getattr(a, member), getattr(b, member))
    if a.rowids != b.rowids:
        for row, (rowid_a, rowid_b) in enumerate(zip(a.rowids, b.rowids), 1):
            if rowid_a != rowid_b:
                differ(f"{what}, rowid of row {row}", rowid_a, rowid_b)
    for column, values_a, values_b in zip(a.columns, a.values, b.values):
        if values_a == values_b:
            continue
        for row, (value_a, value_b) in enumerate(zip(values_a, values_b), 1):
            if value_a != value_b:
                differ(f"{what}, column {column!r}, row {row}", value_a, value_b)
        differ(f"{what}, column {column!r}, number of values", len(values_a), len(values_b))


def same(path_a, path_b, collations=(), functions=(), tables=None, schema=True):
    """Raise Different where the database at `path_b` is not the one at `path_a`. How many values were compared.

    `tables`: only these names, which both must have. `schema` False: not the rows of sqlite_schema and the pragmas.
    Neither file is changed, and nobody may write to them meanwhile."""
    a = oracle.Source(path_a, collations, functions, tables)
    b = oracle.Source(path_b, collations, functions, tables)
    if schema:
        for name in a.pragmas:
            if a.pragmas[name] != b.pragmas[name]:
                differ(name, a.pragmas[name], b.pragmas[name])
        compare_schema(a, b)
    if set(a.tables) != set(b.tables):
        differ("the tables", sorted(set(a.tables) - set(b.tables)), sorted(set(b.tables) - set(a.tables)))
    if tables is not None and set(tables) != set(a.tables):
        raise Different(f"neither has the tables {sorted(set(tables) - set(a.tables))}")
    for name in a.tables:
        compare_tables(a.tables[name], b.tables[name])
    return sum(table.rows * len(table.columns) for table in a.tables.values())


def sound(path, collations=(), functions=()):
    """Raise Different where SQLite's integrity_check finds fault: indexes that do not fit their tables, above all."""
    conn, folder = oracle.open_source(path, collations, functions)
    found = [row[0] for row in conn.execute("PRAGMA integrity_check")]
    conn.close()
    if folder:
        folder.cleanup()
    if found != ["ok"]:
        raise Different(f"{path}: {shown(found)}")
