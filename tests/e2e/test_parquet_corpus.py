"""Parquet files of other writers: every file of the parquet-testing corpus, and what pyarrow writes, against pyarrow."""
import base64
import datetime
import decimal
import math
import random
import re
import shutil
import sqlite3
import uuid

import numpy
import pyarrow
import pyarrow.parquet
import pytest

import foreign

# Files in data/ that are refused, and in which words. All others must read as pyarrow reads them.
REFUSED = {
    "datapage_v1-corrupt-checksum": (5, "checksum"),
    "rle-dict-uncompressed-corrupt-checksum": (5, "checksum"),
    "hadoop_lz4_compressed": (3, "LZ4"),
    "datapage_v2.snappy": (3, "column 'e.list.element': it is nested"),
    "large_string_map.brotli": (3, "nested"),
    "nested_lists.snappy": (3, "nested"),
    "nested_structs.rust": (3, "nested"),
    "nulls.snappy": (3, "nested"),
}
# Files that pyarrow will not read, or reads otherwise: what must come out instead.
OTHERWISE = {
    # pyarrow refuses the unknown type or shows its bytes; there the physical type counts.
    "unknown-logical-type": None,
    # Beyond what microseconds of 64 bits can say.
    "int96_from_spark": ["2024-01-01T20:34:56.123456000", "2024-01-01T01:00:00.000000000", "9999-12-31T03:00:00.000000000",
                         "2024-12-30T23:00:00.000000000", None, "-294554-12-13T14:58:10.448384000"],
}
VALID_AMONG_BAD = "ARROW-GH-43605"
MOST_MEMORY = 256 << 20


def tables(folder):
    return {path.name.removesuffix(".parquet"): path for path in sorted(folder.glob("*.parquet"))}


def place(litekeep, small, source, database):
    folder = foreign.legacy_folder(foreign.make_store(litekeep, small), database) / "parquet"
    shutil.copytree(source, folder)
    return tables(folder)


@pytest.mark.sanitized
def test_every_good_file_is_read_as_pyarrow_reads_it_or_refused_by_name(litekeep, small, corpus):
    found = place(litekeep, small, corpus / "parquet-testing" / "data", "good")
    assert set(REFUSED) | set(OTHERWISE) <= set(found) and len(found) > 35
    wrong = []
    for name, path in found.items():
        done = litekeep("show", "good", name, "--json", "--rows", 10 ** 7, expect=None)
        code, words = REFUSED.get(name, (0, ""))
        if done.status != code or words not in done.err or (code and path.name not in done.err):
            wrong.append(f"{name}: exit {done.status}, {done.err.strip()}")
        elif code == 0 and name in OTHERWISE:
            rows = [list(row.values())[0] for row in done.json()["rows"]]
            if rows != (OTHERWISE[name] or rows) or len(rows) != pyarrow.parquet.read_metadata(path).num_rows:
                wrong.append(f"{name}: {rows}")
        elif code == 0:
            wrong += [f"{name}: {d}" for d in foreign.differences(done.json()["rows"], foreign.parquet_rows(path))]
    assert not wrong, "\n".join(wrong)


@pytest.mark.sanitized
def test_every_bad_file_is_rejected_with_a_message(litekeep, small, corpus):
    found = place(litekeep, small, corpus / "parquet-testing" / "bad_data", "bad")
    assert VALID_AMONG_BAD in found and len(found) >= 8
    for name, path in found.items():
        done = litekeep("show", "bad", name, "--json", "--rows", 10 ** 7, expect=None)
        if name == VALID_AMONG_BAD:  # its dictionary indexes have no bits, which another reader did not survive
            assert done.status == 0 and len(done.json()["rows"]) == 21186, repr(done)
        else:
            assert done.status in (3, 5) and path.name in done.err, repr(done)
    # One that is hurt hides no other.
    shown = litekeep("show", "bad", "--json").json()
    assert {t["name"] for t in shown["tables"]} == set(found)


def test_no_file_takes_much_memory(litekeep, small, corpus, tmp_path):
    for database, folder in (("good", "data"), ("bad", "bad_data")):
        for name in place(litekeep, small, corpus / "parquet-testing" / folder, database):
            done, peak = foreign.measured(tmp_path, litekeep, "show", database, name, "--json", "--rows", 1, expect=(0, 3, 5))
            assert peak < MOST_MEMORY, f"{name}: {peak >> 20} MiB"


def test_the_flat_columns_of_a_file_with_nested_ones_are_read(litekeep, small, corpus):
    found = place(litekeep, small, corpus / "parquet-testing" / "data", "good")
    done = litekeep("query", "good", 'SELECT a, b, c, d FROM "datapage_v2.snappy"', "--format", "jsonl")
    assert foreign.differences(done.json_lines(), foreign.parquet_rows(found["datapage_v2.snappy"], ["a", "b", "c", "d"])) == []
    refused = litekeep("query", "good", 'SELECT e FROM "datapage_v2.snappy"', expect=None)
    assert refused.status != 0 and re.search("e|nested", refused.err), repr(refused)


# What pyarrow writes: each type in each encoding that it can have, in pages of both versions, with each codec.

ROWS = 3000


def with_nulls(values, rng):
    return [None if rng.random() < 0.2 else v for v in values]


def columns_of_every_type(rng):
    def many(make):
        return with_nulls([make() for _ in range(ROWS)], rng)

    words = ["", "like", "repost", "größer", "\U0001f98b" * 9]
    out = {
        "boolean": pyarrow.array(many(lambda: rng.random() < 0.5)),
        "f32": pyarrow.array(many(lambda: rng.choice([0.0, -0.0, 1.5, math.inf, -math.inf, math.nan, rng.random()])), pyarrow.float32()),
        "f64": pyarrow.array(many(lambda: rng.choice([0.0, -0.0, math.inf, math.nan, rng.gauss(0, 1e200)])), pyarrow.float64()),
        "f16": pyarrow.array([None if v is None else numpy.float16(v) for v in many(lambda: rng.gauss(0, 100))], pyarrow.float16()),
        "string": pyarrow.array(many(lambda: rng.choice(words))),
        "large_string": pyarrow.array(many(lambda: "x" * rng.randrange(60)), pyarrow.large_string()),
        "binary": pyarrow.array(many(lambda: rng.randbytes(rng.randrange(20)))),
        "fixed": pyarrow.array(many(lambda: rng.randbytes(7)), pyarrow.binary(7)),
        "uuid": pyarrow.array([v and v.bytes for v in many(lambda: uuid.UUID(int=rng.getrandbits(128)))], pyarrow.uuid()),
        "date": pyarrow.array(many(lambda: datetime.date.fromordinal(rng.randrange(1, 3_000_000)))),
        "time_ms": pyarrow.array(many(lambda: rng.randrange(86_400_000)), pyarrow.int32()).cast(pyarrow.time32("ms")),
        "time_us": pyarrow.array(many(lambda: rng.randrange(86_400_000_000)), pyarrow.int64()).cast(pyarrow.time64("us")),
        "time_ns": pyarrow.array(many(lambda: rng.randrange(86_400_000_000_000)), pyarrow.int64()).cast(pyarrow.time64("ns")),
        "category": pyarrow.array(many(lambda: rng.choice(words))).dictionary_encode(),
        "null": pyarrow.nulls(ROWS),
        "required": pyarrow.array([rng.randrange(10) for _ in range(ROWS)]),
        "distinct": pyarrow.array([f"{i:09}" + "y" * 90 for i in range(ROWS)]),
    }
    for bits in (8, 16, 32, 64):
        out[f"i{bits}"] = pyarrow.array(many(lambda: rng.choice([-1 << (bits - 1), (1 << (bits - 1)) - 1, rng.randrange(100)])),
                                        f"int{bits}")
        out[f"u{bits}"] = pyarrow.array(many(lambda: rng.choice([0, (1 << bits) - 1, rng.randrange(100)])), f"uint{bits}")
    for unit in ("s", "ms", "us", "ns"):
        factor = 10 ** foreign.DIGITS[unit]
        values = pyarrow.array(many(lambda: rng.randrange(-10 ** 9, 9 * 10 ** 9) * factor + rng.randrange(factor)), pyarrow.int64())
        out[f"stamp_{unit}"] = values.cast(pyarrow.timestamp(unit))
        out[f"stamp_{unit}_tz"] = values.cast(pyarrow.timestamp(unit, "Europe/Berlin"))
    for precision, scale in ((4, 2), (9, 0), (18, 5), (18, 0), (19, 0), (38, 0), (38, 10), (38, 38), (60, 7), (76, 0)):
        type_ = pyarrow.decimal128(precision, scale) if precision <= 38 else pyarrow.decimal256(precision, scale)
        context = decimal.Context(prec=100)
        out[f"d{precision}_{scale}"] = pyarrow.array(
            many(lambda: context.scaleb(decimal.Decimal(rng.randrange(-10 ** precision + 1, 10 ** precision)), -scale)), type_)
    return out


@pytest.fixture(scope="module")
def every_type():
    return columns_of_every_type(random.Random(7))


def write(path, columns, **options):
    required = {"required"} & set(columns)
    schema = pyarrow.schema([pyarrow.field(name, array.type, nullable=name not in required) for name, array in columns.items()])
    pyarrow.parquet.write_table(pyarrow.table(list(columns.values()), schema=schema), path, row_group_size=1100, **options)


ENCODINGS = {
    "PLAIN": lambda t: True,
    "DELTA_BINARY_PACKED": lambda t: pyarrow.types.is_integer(t) or pyarrow.types.is_timestamp(t) or pyarrow.types.is_date(t),
    "DELTA_LENGTH_BYTE_ARRAY": lambda t: t in (pyarrow.string(), pyarrow.binary(), pyarrow.large_string()),
    "DELTA_BYTE_ARRAY": lambda t: t in (pyarrow.string(), pyarrow.binary(), pyarrow.large_string(), pyarrow.binary(7)),
    "BYTE_STREAM_SPLIT": lambda t: pyarrow.types.is_floating(t) or t in (pyarrow.int32(), pyarrow.int64(), pyarrow.binary(7)),
    "RLE": lambda t: t == pyarrow.bool_(),
}
STORED = {
    "plain": {"compression": "NONE", "use_dictionary": False},
    "snappy_v2": {"compression": "SNAPPY", "data_page_version": "2.0"},
    "gzip_small_pages": {"compression": "GZIP", "data_page_size": 700},
    "zstd_v2_checksums": {"compression": "ZSTD", "data_page_version": "2.0", "write_page_checksum": True},
    "lz4_raw": {"compression": "LZ4"},
    "dictionary_falls_back": {"compression": "SNAPPY", "dictionary_pagesize_limit": 2000},
    "old_version": {"compression": "SNAPPY", "version": "1.0", "coerce_timestamps": "ms", "allow_truncated_timestamps": True},
    "int96": {"compression": "SNAPPY", "use_deprecated_int96_timestamps": True},
    "integer_decimals": {"compression": "SNAPPY", "store_decimal_as_integer": True},
    "no_statistics": {"compression": "ZSTD", "write_statistics": False},
}


def test_what_pyarrow_writes_is_read_back_in_every_way_of_storing_it(litekeep, small, every_type):
    folder = foreign.legacy_folder(foreign.make_store(litekeep, small)) / "parquet"
    folder.mkdir()
    for name, options in STORED.items():
        write(folder / f"{name}.parquet", every_type, **options)
    for encoding, takes in ENCODINGS.items():
        columns = {k: v for k, v in every_type.items() if takes(v.type)}
        for version in ("1.0", "2.0"):
            write(folder / f"{encoding}_v{version[0]}.parquet", columns, use_dictionary=False, data_page_version=version,
                  column_encoding={k: encoding for k in columns})
    wrong = []
    for name, path in tables(folder).items():
        expected = foreign.parquet_rows(path)
        assert len(expected) == ROWS
        wrong += [f"{name}: {d}" for d in foreign.differences(foreign.shown(litekeep, "old", name), expected)]
    assert not wrong, "\n".join(wrong)


def sorted_columns(rng):
    """Values that lie apart from row group to row group, so that statistics rule groups out; with what may mislead them."""
    rows = range(ROWS)
    reals = [math.nan if i % 50 == 7 else -0.0 if i == 1200 else 0.0 if i == 1201 else (i - 1200) / 8 for i in rows]
    gaps = with_nulls(rows, rng)
    return {
        "i32": pyarrow.array([i - 1000 for i in rows], pyarrow.int32()),
        "i64": pyarrow.array([None if g is None else g * 2 ** 51 - 2 ** 62 for g in gaps], pyarrow.int64()),
        "u32": pyarrow.array([i * 1_431_655 for i in rows], pyarrow.uint32()),
        "u64": pyarrow.array([i * 6_148_914_691_236_517 for i in rows], pyarrow.uint64()),
        "f64": pyarrow.array(reals, pyarrow.float64()),
        "f32": pyarrow.array(reals, pyarrow.float32()),
        "string": pyarrow.array([None if g is None else chr(97 + g // 120) * (1 + g % 90) + "é" for g in gaps]),
        "binary": pyarrow.array([f"{i:05}".encode() for i in rows]),
        "boolean": pyarrow.array([i >= 1500 for i in rows]),
        "stamp": pyarrow.array(rows, pyarrow.int64()).cast(pyarrow.timestamp("ms")),
        "nulls_first": pyarrow.array([None if i < 1500 else i for i in rows], pyarrow.int64()),
    }


@pytest.mark.parametrize("options", [{}, {"version": "1.0"}, {"write_statistics": False}], ids=["", "old", "none"])
def test_statistics_of_other_writers_leave_out_no_row(litekeep, small, options, tmp_path):
    """Against SQLite itself, with the same values in a table."""
    folder = foreign.legacy_folder(foreign.make_store(litekeep, small)) / "parquet"
    folder.mkdir()
    rng = random.Random(3)
    write(folder / "t.parquet", sorted_columns(rng), **options)
    rows = foreign.parquet_rows(folder / "t.parquet")
    database = sqlite3.connect(":memory:")
    declared = {c["name"]: c["declared_type"] for c in litekeep("show", "old", "t", "--json").json()["table"]["columns"]}
    database.execute(f"CREATE TABLE t ({', '.join(f'{name} {type_}' for name, type_ in declared.items())})")
    plain = [[base64.b64decode(v["$base64"]) if isinstance(v, dict) else v for v in row.values()] for row in rows]
    database.executemany(f"INSERT INTO t VALUES ({', '.join('?' * len(declared))})", plain)
    conditions = []
    for name in declared:
        some = [row[list(declared).index(name)] for row in rng.sample(plain, 3)]
        for value in [*some, 0, -0.5, 1499, "m", "é", b"01500", 1 << 62]:
            if value is None:
                conditions.append(f"{name} IS NULL")
                continue
            literal = f"x'{value.hex()}'" if isinstance(value, bytes) else f"'{value}'" if isinstance(value, str) else repr(value)
            conditions.append(f"{name} {rng.choice(['=', '<', '<=', '>', '>='])} {literal}")
    conditions += [f"rowid {op} {n}" for op in ("=", "<", ">=") for n in (1, 1100, 1101, 2999.5, 3001)]
    sums = ", ".join(f"sum(CASE WHEN {c} THEN 1 ELSE 0 END)" for c in conditions)
    expected = list(database.execute(f"SELECT {sums} FROM t").fetchone())
    # One query for many conditions, each of which is pushed down in a statement of its own.
    sql = " UNION ALL ".join(f"SELECT count(*) AS n FROM t WHERE {c}" for c in conditions)
    got = [row["n"] for row in litekeep("query", "old", sql, "--format", "jsonl").json_lines()]
    assert dict(zip(conditions, got)) == dict(zip(conditions, expected))
    assert len(set(got)) > 20


def test_a_column_whose_codec_is_not_known_is_refused_by_its_name(litekeep, small, every_type):
    folder = foreign.legacy_folder(foreign.make_store(litekeep, small)) / "parquet"
    folder.mkdir()
    write(folder / "b.parquet", {"i64": every_type["i64"]}, compression="BROTLI")
    done = litekeep("show", "old", "b", expect=3)
    assert "BROTLI" in done.err.upper() and "b.parquet" in done.err and "'i64'" in done.err
