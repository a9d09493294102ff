"""Backups that litekeep did not write: folders of the original script, and what their files hold by other programs' account.

Values are compared as Python's json gives them, so: None, int, float, str, {"$base64": ...}, {"$text_base64": ...}.
"""
import base64
import json
import math
import sys

import pyarrow
import pyarrow.parquet

LONGEST = 1 << 63


def make_store(litekeep, small):
    """A store, with its mark: only a backup makes one."""
    litekeep.backup(small)
    return litekeep.store


def legacy_folder(store, database="old", stamp="2024-05-29-09:14:42"):
    folder = store / database / stamp
    folder.mkdir(parents=True)
    return folder


def blob(value):
    return {"$base64": base64.b64encode(value).decode()}


def text(value):
    """Text as SQLite would hold it: bytes that are no UTF-8 are kept as they are."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return {"$text_base64": base64.b64encode(value).decode()}


def real(value):
    return None if math.isnan(value) else float(value)


def integer(value):
    return value if -LONGEST <= value < LONGEST else str(value)


# Dates and times, from the numbers: Python's datetime ends with the year 9999 and has no nanoseconds.

def date(days):
    """https://howardhinnant.github.io/date_algorithms.html, civil_from_days."""
    z = days + 719468
    era, day_of_era = divmod(z, 146097)
    year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36524 - day_of_era // 146096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    mp = (5 * day_of_year + 2) // 153
    day, month = day_of_year - (153 * mp + 2) // 5 + 1, mp + 3 if mp < 10 else mp - 9
    year = year_of_era + era * 400 + (month <= 2)
    sign = "-" if year < 0 else "+" if year > 9999 else ""
    return f"{sign}{abs(year):04}-{month:02}-{day:02}"


def time(value, digits):
    seconds, fraction = divmod(value, 10 ** digits)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{fraction:0{digits}}"


def timestamp(value, digits):
    days, rest = divmod(value, 86400 * 10 ** digits)
    return f"{date(days)}T{time(rest, digits)}"


DIGITS = {"milliseconds": 3, "microseconds": 6, "nanoseconds": 9, "ms": 3, "us": 6, "ns": 9, "s": 0}


def decimal(value, scale):
    sign, digits, exponent = value.as_tuple()
    unscaled = int("".join(map(str, digits))) * 10 ** (scale + exponent)
    if scale == 0:
        return integer(-unscaled if sign else unscaled)
    whole, fraction = divmod(unscaled, 10 ** scale)
    return f"{'-' if sign and unscaled else ''}{whole}.{fraction:0{scale}}"


def numbers(column, type_):
    return column.cast(type_).to_pylist()


def convert(column, field):
    """The values of an Arrow column under the conversions of src/parquet/convert.h. `field`: its Parquet column."""
    logical = json.loads(field.logical_type.to_json())
    kind, type_ = logical["Type"], column.type
    if pyarrow.types.is_dictionary(type_):
        column = column.cast(type_.value_type)
        type_ = column.type
    if isinstance(type_, pyarrow.BaseExtensionType):
        column = pyarrow.chunked_array([chunk.storage for chunk in column.chunks], type_.storage_type)
        type_ = column.type
    if kind == "Time":
        digits = DIGITS[logical["timeUnit"]]
        end = "Z" if logical["isAdjustedToUTC"] else ""
        values = numbers(column, pyarrow.int32() if digits == 3 else pyarrow.int64())
        return [None if v is None else time(v, digits) + end for v in values]
    if pyarrow.types.is_timestamp(type_):
        if field.physical_type == "INT96":
            digits, end, factor = 9, "", 10 ** (9 - DIGITS[type_.unit])
        else:
            digits, end, factor = DIGITS[type_.unit], "Z" if logical["isAdjustedToUTC"] else "", 1
        return [None if v is None else timestamp(v * factor, digits) + end for v in numbers(column, pyarrow.int64())]
    if pyarrow.types.is_date(type_):
        return [None if v is None else date(v) for v in numbers(column.cast(pyarrow.date32()), pyarrow.int32())]
    if pyarrow.types.is_string(type_) or pyarrow.types.is_large_string(type_):
        return [None if v is None else text(v) for v in numbers(column, pyarrow.binary())]

    def one(value):
        if value is None or isinstance(value, str):
            return value
        if kind == "UUID":
            h = value.hex()
            return f"{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:]}"
        if isinstance(value, bytes):
            return blob(value)
        if isinstance(value, bool):
            return int(value)
        if isinstance(value, int):
            return integer(value)
        if pyarrow.types.is_decimal(type_):
            return decimal(value, type_.scale)
        return real(float(value))

    return [one(v) for v in column.to_pylist()]


def parquet_rows(path, columns=None):
    """The rows of a flat Parquet file, as pyarrow reads it."""
    file = pyarrow.parquet.ParquetFile(path, coerce_int96_timestamp_unit="us" if "spark" in path.name else None)
    leaves = {file.schema.column(i).path: file.schema.column(i) for i in range(len(file.schema))}
    table = file.read(columns=columns)
    values = {name: convert(table.column(name), leaves[name]) for name in table.column_names}
    return [dict(zip(values, row)) for row in zip(*values.values())] if values else []


def shown(litekeep, backup, table, rows=10 ** 7, **options):
    """The rows of a table, as `show` prints them."""
    return litekeep("show", backup, table, "--json", "--rows", rows, **options).json()["rows"]


def same(mine, theirs):
    """Equal, with 1 and 1.0 and True apart, and 0.0 and -0.0."""
    if type(mine) is not type(theirs):
        return False
    if isinstance(mine, float):
        return mine == theirs and math.copysign(1, mine) == math.copysign(1, theirs)
    if isinstance(mine, dict):
        return mine.keys() == theirs.keys() and all(same(mine[k], theirs[k]) for k in mine)
    return mine == theirs


def differences(mine, theirs):
    """The first few; none when both lists of rows are the same."""
    out = [] if len(mine) == len(theirs) else [f"{len(mine)} rows, not {len(theirs)}"]
    for number, (a, b) in enumerate(zip(mine, theirs)):
        if list(a) != list(b):
            return [*out, f"row {number}: columns {list(a)}, not {list(b)}"]
        out += [f"row {number}, {key}: {a[key]!r}, not {b[key]!r}" for key in a if not same(a[key], b[key])]
        if len(out) > 5:
            break
    return out


MEASURE = """
import os, sys
child = os.fork()
if child == 0:
    os.execv(sys.argv[2], sys.argv[2:])
_, status, usage = os.wait4(child, 0)
open(sys.argv[1], "w").write(str(usage.ru_maxrss))
os.kill(os.getpid(), status & 127) if status & 127 else os._exit(status >> 8)
"""


def measured(folder, litekeep, *args, **options):
    """Run, and say how many bytes of memory the program had at most. (Between stands a small process: what this one has would
    count as the child's.)"""
    out = folder / "peak"
    done = litekeep(*args, before=[sys.executable, "-S", "-E", "-c", MEASURE, out], **options)
    return done, int(out.read_text()) * 1024
