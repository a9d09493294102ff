"""JSON lines of other writers, against Python's json: value by value."""
import gzip
import json
import math
import random
import subprocess
import warnings

import numpy
import pandas
import pytest

import foreign
from conftest import tool

LONGEST = 1 << 63


def value_of(value, spelling):
    """What SQLite should hold for a value of Python's json. `spelling`: its text in the line, if it is nested."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int):
        return foreign.integer(value)
    if isinstance(value, float):
        return foreign.real(value)
    if isinstance(value, str):
        raw = value.encode("utf-8", "surrogatepass")
        return foreign.text(raw)
    if isinstance(value, (dict, list)):
        return spelling
    return value


def expected_rows(lines, dumps):
    """`lines`: lists of pairs, keys perhaps repeated. The last of repeated keys wins."""
    keys = list(dict.fromkeys(key for pairs in lines for key, _ in pairs))
    rows = []
    for pairs in lines:
        row = {key: value_of(value, dumps(value) if isinstance(value, (dict, list)) else None) for key, value in pairs}
        rows.append({key: row.get(key) for key in keys})
    return rows


def encode_line(pairs, dumps, comma, colon):
    return "{" + comma.join(dumps(key) + colon + dumps(value) for key, value in pairs) + "}"


KEYS = ["id", "ID", "text", "", "größe", "a b", 'quo"te', "back\\slash", "new\nline", "\U0001f98b", "x.y", "rowid", "$base64", "likes", "Id"]


def random_text(rng):
    return "".join(rng.choice(["a", "é", "\U0001f600", "\x00", "\n", "\t", '"', "\\", "/", "\x1f", "\x7f", "\u2028", "ß" * 3, "z" * 40])
                   for _ in range(rng.randrange(8)))


def random_value(rng, depth=0):
    kind = rng.randrange(14 if depth < 3 else 11)
    if kind == 0:
        return None
    if kind == 1:
        return rng.random() < 0.5
    if kind in (2, 3):
        return rng.randrange(-1000, 1000)
    if kind == 4:
        return rng.choice([-LONGEST, LONGEST - 1, 1 << 53, (1 << 53) + 1])
    if kind == 5:
        return rng.choice([LONGEST, -LONGEST - 1, 1 << 64, 10 ** 30, -10 ** 400])
    if kind == 6:
        return rng.choice([0.0, -0.0, 1.0, 1e300, 5e-324, -2.5, 0.1, 1e22, 123456789.125])
    if kind == 7:
        return rng.choice([math.inf, -math.inf, math.nan])
    if kind == 8:
        return rng.gauss(0, 1) * 10 ** rng.randrange(-300, 300)
    if kind in (9, 10):
        return random_text(rng)
    if kind == 11:
        return [random_value(rng, depth + 1) for _ in range(rng.randrange(4))]
    if kind == 12:
        return {random_text(rng): random_value(rng, depth + 1) for _ in range(rng.randrange(4))}
    return "\ud800 alone" if rng.random() < 0.5 else "\udfff"


def random_lines(rng):
    keys = rng.sample(KEYS, rng.randrange(1, len(KEYS)))
    out = []
    for _ in range(rng.randrange(60)):
        chosen = keys if rng.random() < 0.5 else rng.choices(keys, k=rng.randrange(len(keys) + 1))
        if rng.random() < 0.2:
            chosen = rng.sample(chosen, len(chosen))
        out.append([(key, random_value(rng)) for key in chosen])
    return out


def random_file(rng):
    """Bytes, and the rows that they are."""
    lines = random_lines(rng)
    ascii_only = rng.random() < 0.5
    comma, colon = rng.choice([(",", ":"), (", ", ": "), (" ,\t", " : ")])
    inner = rng.choice([(",", ":"), (", ", ": ")])

    def dumps(value):
        # A lone surrogate has no UTF-8: only its escape can stand in a file.
        return "".join(c if not 0xd800 <= ord(c) <= 0xdfff else f"\\u{ord(c):04x}"
                       for c in json.dumps(value, ensure_ascii=ascii_only, separators=inner))

    end = rng.choice(["\n", "\r\n", "\n\n", " \n"])
    text = end.join(encode_line(pairs, dumps, comma, colon) for pairs in lines)
    text = rng.choice(["", "\ufeff", "\n"]) + text + rng.choice(["", end])
    return text.encode(), expected_rows(lines, dumps)


def zstd(data):
    return subprocess.run([tool("zstd"), "-qc"], input=data, stdout=subprocess.PIPE, check=True).stdout


COMPRESS = {".json": lambda data: data, ".json.gz": gzip.compress, ".jsonl.zst": zstd, ".ndjson": lambda data: data,
            ".jsonl": lambda data: gzip.compress(data[:7]) + gzip.compress(data[7:])}


@pytest.fixture
def folder(litekeep, small):
    folder = foreign.legacy_folder(foreign.make_store(litekeep, small)) / "json"
    folder.mkdir()
    return folder


@pytest.mark.sanitized
def test_any_json_lines_are_read_as_python_reads_them(litekeep, folder):
    seed = random.randrange(1 << 32)
    rng = random.Random(seed)
    expected = {}
    for number in range(40):
        ending, compress = rng.choice(list(COMPRESS.items()))
        data, expected[f"t{number}"] = random_file(rng)
        (folder / f"t{number}{ending}").write_bytes(compress(data))
    for name, rows in expected.items():
        wrong = foreign.differences(foreign.shown(litekeep, "old", name), rows)
        assert not wrong, f"seed {seed}, {name}:\n" + "\n".join(wrong)


def test_the_oracle_of_that_test_is_python_itself():
    """Not only what was written, but what json.loads makes of the bytes."""
    rng = random.Random(5)
    for _ in range(50):
        data, rows = random_file(rng)
        lines = [json.loads(line) for line in data.decode().lstrip("\ufeff").split("\n") if line.strip()]
        assert len(lines) == len(rows)
        for line, row in zip(lines, rows):
            assert len([v for v in line.values() if v is not None and v == v]) == len([v for v in row.values() if v is not None])


FRAME = {
    "n": pandas.array([1, None, -(1 << 63)], dtype="Int64"),
    "u": numpy.array([0, 1, (1 << 64) - 1], dtype="uint64"),
    "x": [0.5, math.nan, -1e-300],
    "t": ["größer", None, "line\nline \u2028 \U0001f98b"],
    "flag": pandas.array([True, None, False], dtype="boolean"),
    "when": pandas.to_datetime(["2024-05-29T09:14:42.123456", None, "1969-12-31T23:59:59.000001"]),
    "kind": pandas.Categorical(["a", "b", None]),
    "nested": [[1, {"k": None}], {"deep": [1.5]}, None],
}


def member_text(line, key):
    """The text of a member's value, as it is spelled in the line."""
    start = line.index(f'"{key}":') + len(key) + 3
    return line[start:json.JSONDecoder().raw_decode(line, start)[1]]


@pytest.mark.parametrize("ending", [".json", ".json.gz", ".json.zst"])
@pytest.mark.parametrize("options", [{}, {"date_format": "iso"}, {"force_ascii": False, "double_precision": 15}])
def test_json_lines_of_pandas_are_read_as_python_reads_them(litekeep, folder, ending, options):
    frame = pandas.DataFrame(FRAME)
    path = folder / f"frame{ending}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        text = frame.to_json(orient="records", lines=True, **options)
        if ending == ".json.zst":  # pandas needs one more module for it
            path.write_bytes(zstd(text.encode()))
        else:
            frame.to_json(path, orient="records", lines=True, **options)
    rows = [{key: value_of(value, member_text(line, key)) for key, value in json.loads(line).items()} for line in text.rstrip("\n").split("\n")]
    assert len(rows) == 3
    assert foreign.differences(foreign.shown(litekeep, "old", "frame"), rows) == []


@pytest.mark.sanitized
def test_what_is_no_json_lines_is_refused_with_file_and_line(litekeep, folder):
    bad = {"array": "[{\"a\": 1}]", "cut": '{"a": 1}\n{"a": ', "indented": '{\n  "a": 1\n}', "single": "{'a': 1}", "latin1": b'{"a": "\xe9"}',
           "columns": json.dumps({"a": {"0": 1}}) + "\n7", "gz": gzip.compress(b'{"a": 1}\n' * 1000)[:-9]}
    for name, content in bad.items():
        (folder / f"{name}.json").write_bytes(content if isinstance(content, bytes) else content.encode())
        done = litekeep("show", "old", name, expect=5)
        assert f"{name}.json" in done.err, repr(done)
        assert name == "gz" or "line " in done.err, repr(done)


def test_a_file_without_rows_is_a_table_without_rows(litekeep, folder):
    for name, content in (("nothing", b""), ("newline", b"\n"), ("gz", gzip.compress(b""))):
        (folder / f"{name}.json").write_bytes(content)
        assert foreign.shown(litekeep, "old", name) == []


def test_many_rows_are_read_in_little_memory(litekeep, folder, tmp_path):
    """Two passes, neither of which holds the file."""
    rows = 200_000
    (folder / "many.json.gz").write_bytes(gzip.compress("".join(f'{{"id": {i}, "text": "{"x" * 200}"}}\n' for i in range(rows)).encode(), 1))
    done, peak = foreign.measured(tmp_path, litekeep, "show", "old", "many", "--json", "--rows", 2)
    assert done.json()["rows"][1] == {"id": 1, "text": "x" * 200}
    assert peak < 64 << 20, f"{peak >> 20} MiB"
