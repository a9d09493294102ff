"""Reading a backup whose files are hurt, or were written by somebody else; and manifests that lie."""
import gzip
import json
import resource
import sqlite3
import subprocess
import time

import pytest

from conftest import make_small


def rewrite(path, change):
    path.chmod(0o600)
    path.write_bytes(change(path.read_bytes()))


def flip(path, offset):
    def change(data):
        return data[:offset] + bytes([data[offset] ^ 0x10]) + data[offset + 1:]
    rewrite(path, change)


def show_rows(litekeep, *args, **options):
    return litekeep("--json", "show", *args, **options)


@pytest.mark.sanitized
def test_rows_come_from_json_where_the_parquet_is_hurt_and_it_is_said(litekeep, small):
    litekeep.backup(small)
    backup = litekeep.latest()
    good = show_rows(litekeep, "small", "post").json()
    flip(backup / "parquet" / "post.parquet", 30)
    hurt = show_rows(litekeep, "small", "post")
    assert hurt.json()["rows"] == good["rows"]
    assert 'table "post": its Parquet is damaged (' in hurt.err and "rows came from JSON" in hurt.err
    assert str(backup / "parquet" / "post.parquet") in hurt.err
    (backup / "parquet" / "post.parquet").unlink()
    gone = show_rows(litekeep, "small", "post")
    assert gone.json()["rows"] == good["rows"] and "the file is missing" in gone.err
    flip(backup / "json" / "post.json.gz", 200)
    both = litekeep("show", "small", "post", expect=5)
    assert "post.parquet" in both.err and "post.json.gz" in both.err
    litekeep("show", "small", "kind")


def test_a_swapped_file_is_not_taken_for_the_table(litekeep, tmp_path):
    path = tmp_path / "two.db"
    db = sqlite3.connect(path)
    for name in "ab":
        db.execute(f"CREATE TABLE {name}(x INTEGER, y TEXT)")
        db.executemany(f"INSERT INTO {name} VALUES (?, ?)", [(i + (name == "b"), "text") for i in range(100)])
    db.commit()
    db.close()
    litekeep.backup("--format", "parquet", "--parquet-codec", "none", path)
    folder = litekeep.latest() / "parquet"
    a, b = (folder / f"{name}.parquet" for name in "ab")
    assert a.stat().st_size == b.stat().st_size  # nothing but the rows tells them apart
    content = a.read_bytes()
    rewrite(a, lambda _: b.read_bytes())
    rewrite(b, lambda _: content)
    done = litekeep("show", "two", "a", expect=5)
    assert "does not hold the rows that were written" in done.err or "columns are not the ones" in done.err


HOSTILE_PATHS = ["../../../etc/passwd", "/etc/passwd", "parquet/../../x", ".hidden", "", "parquet//post.parquet", "a/b/c/d/e"]


def edit_manifest(backup, change):
    def edit(data):
        manifest = json.loads(data)
        change(manifest)
        return json.dumps(manifest).encode()
    rewrite(backup / "manifest.json", edit)


def limited():
    resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))


@pytest.mark.sanitized
@pytest.mark.parametrize("path", HOSTILE_PATHS)
def test_a_manifest_whose_paths_lead_elsewhere_is_refused(litekeep, small, path):
    litekeep.backup(small)

    def change(manifest):
        manifest["tables"][0]["parts"][0]["files"]["parquet"]["file"] = path
    edit_manifest(litekeep.latest(), change)
    done = litekeep("show", "small", "post", expect=5)
    assert "manifest.json" in done.err and "parquet.file" in done.err


def test_a_link_in_a_backup_is_not_followed(litekeep, small, tmp_path):
    litekeep.backup("--format", "parquet", small)
    file = litekeep.latest() / "parquet" / "post.parquet"
    away = tmp_path / "away.parquet"
    file.rename(away)
    file.symlink_to(away)
    assert "post.parquet" in litekeep("show", "small", "post", expect=5).err


LIES = {
    "no parts": lambda t: t.update(parts=[]),
    "no columns": lambda t: t.pop("columns"),
    "rows that no block has": lambda t: t.update(rows=10**12),
    "a part's rows": lambda t: t["parts"][0].update(rows=10**12),
    "rows of a block": lambda t: t["parts"][0]["blocks"][0].__setitem__(0, 2**40),
    "an offset past the end": lambda t: t["parts"][0]["blocks"][0].__setitem__(1, 2**50),
    "one file twice": lambda t: t["parts"][0]["files"].update(json=t["parts"][0]["files"]["parquet"]),
    "a key of another table": lambda t: t["columns"].update(table="kind"),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_manifest_that_contradicts_itself_is_damage(litekeep, small, lie):
    litekeep.backup(small)
    edit_manifest(litekeep.latest(), lambda m: LIES[lie](next(t for t in m["tables"] if t["name"] == "post")))
    litekeep("show", "small", "post", expect=5)


def test_a_billion_rows_claimed_fail_without_taking_memory(litekeep, small):
    """Consistent in itself: 20,000 blocks of 65,536 rows for a file of 300."""
    litekeep.backup(small)

    def change(manifest):
        table = next(t for t in manifest["tables"] if t["name"] == "post")
        part = table["parts"][0]
        (rows, _, digest), count = part["blocks"][0], 20000
        part["blocks"] = [[65536, 0, digest]] * count
        part["rows"] = table["rows"] = 65536 * count
        table["counts"] = [[0, 65536 * count, 0, 0, 0, 0]] * len(table["counts"])
    edit_manifest(litekeep.latest(), change)
    begin = time.monotonic()
    process = subprocess.Popen(litekeep.command("show", "small", "post"), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               env=litekeep.environment(), cwd=litekeep.home, preexec_fn=limited)
    done = litekeep.finish(process, timeout=30)
    assert done.status == 5 and "row groups instead of" in done.err
    assert time.monotonic() - begin < 10


def old_backup(litekeep, small):
    litekeep.backup(small)
    old = litekeep.store / "small" / "2023-05-29-09:14:42"
    (old / "parquet").mkdir(parents=True)
    (old / "json").mkdir()
    return old


def test_without_a_manifest_row_groups_of_any_size_are_one_table(litekeep, small):
    import pandas
    old = old_backup(litekeep, small)
    frame = pandas.DataFrame({"id": range(1000), "text": [f"text {i}" for i in range(1000)]})
    frame.to_parquet(old / "parquet" / "post.parquet", compression="gzip", row_group_size=7)
    rows = show_rows(litekeep, "small@2023-05-29", "post", "--rows", "1000").json()["rows"]
    assert [row["id"] for row in rows] == list(range(1000)) and rows[999]["text"] == "text 999"


@pytest.mark.parametrize("suffix", ["json", "jsonl", "json.gz"])
def test_without_a_manifest_json_lines_are_enough(litekeep, small, suffix):
    old = old_backup(litekeep, small)
    lines = b"".join(json.dumps({"id": i, "text": f"é {i}", "more": {"k": [i]}}).encode() + b"\n" for i in range(3000))
    (old / "json" / f"post.{suffix}").write_bytes(gzip.compress(lines) if suffix.endswith(".gz") else lines)
    rows = show_rows(litekeep, "small@2023-05-29", "post", "--rows", "3000").json()["rows"]
    assert [row["id"] for row in rows] == list(range(3000)) and rows[7]["text"] == "é 7"


def test_without_a_manifest_json_stands_in_for_parquet_that_is_none(litekeep, small):
    old = old_backup(litekeep, small)
    (old / "parquet" / "post.parquet").write_bytes(b"PAR1 not really PAR1")
    (old / "json" / "post.json").write_text('{"id": 1}\n')
    done = show_rows(litekeep, "small@2023-05-29", "post")
    assert done.json()["rows"] == [{"id": 1}] and "rows came from JSON" in done.err


def test_a_database_in_which_every_table_is_hurt_still_lists_and_shows(litekeep, tmp_path):
    make_small(tmp_path / "x.db")
    litekeep.backup(tmp_path / "x.db")
    for file in (litekeep.latest() / "parquet").iterdir():
        rewrite(file, lambda data: data[: len(data) // 2])
    litekeep("list", "x")
    litekeep("show", "x")
    assert "rows came from JSON" in litekeep("show", "x", "post").err
