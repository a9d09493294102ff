"""verify: whatever is hurt in a store is noticed, named with backup, table and part, and said to be restorable where it is."""
import gzip
import hashlib
import json
import os
import pathlib
import random
import shutil
import sqlite3
import subprocess

import pytest

from conftest import make_small

ALL = "parquet,json,sqlite"


def overwrite(path, data):
    """Finished files are read-only, and links of one another: write to this very inode."""
    path.chmod(0o600)
    with open(path, "r+b") as out:
        out.write(data)
        out.truncate()
    path.chmod(0o400)


def flip(path, at, bit=0):
    data = bytearray(path.read_bytes())
    data[at] ^= 1 << bit
    overwrite(path, data)


def seal(folder):
    """Make SHA256SUMS agree with whatever is in the folder now."""
    files = sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file() and p.name != "SHA256SUMS")
    lines = [f"{hashlib.sha256((folder / f).read_bytes()).hexdigest()}  {f}\n" for f in files]
    overwrite(folder / "SHA256SUMS", "".join(lines).encode())


def edit_manifest(folder, change, sealed=True):
    manifest = json.loads((folder / "manifest.json").read_text())
    change(manifest)
    overwrite(folder / "manifest.json", json.dumps(manifest).encode())
    if sealed:
        seal(folder)


def files_of(folder):
    return sorted(p for p in folder.rglob("*") if p.is_file())


class Result:
    def __init__(self, done):
        self.done = done
        lines = done.json_lines()
        self.checked = [line for line in lines if line["type"] == "checked"]
        self.damages = [line for line in lines if line["type"] == "damage"]
        (self.summary,) = [line for line in lines if line["type"] == "summary"]
        assert lines[-1] is self.summary or lines[-1] == self.summary
        assert self.summary["damages"] == len(self.damages)
        assert self.summary["status"] == done.status

    def files(self):
        return {d["file"] for d in self.damages}


def verify(litekeep, *args, expect=0, **options):
    return Result(litekeep("verify", "--json", *args, expect=expect, **options))


def damage(litekeep, *args, **options):
    """What is found; there must be something, and the text for people must say the same."""
    found = verify(litekeep, *args, expect=5, **options)
    assert found.damages and found.summary["damaged_backups"] >= 1
    text = litekeep("verify", *args, expect=5, **options).out
    for d in found.damages:
        assert d["message"] in text and (d["id"] is None or f"{d['database']}@{d['id']}" in text)
    return found


@pytest.fixture
def big(tmp_path):
    """A table in several parts, with incompressible values so that its files are not small."""
    folder = tmp_path / "data"
    folder.mkdir(exist_ok=True)
    path = folder / "big.db"
    db = sqlite3.connect(path, isolation_level=None)
    db.executescript("PRAGMA synchronous = OFF; BEGIN; CREATE TABLE big (id INTEGER PRIMARY KEY, v BLOB, t TEXT)")
    rand = random.Random(7)
    piece = rand.randbytes(6 << 20)
    db.executemany("INSERT INTO big VALUES (?,?,?)",
                   ((i, piece[(i * 977) % (6 << 20 - 1):][:7000] if i % 400 == 0 else bytes(1900), f"row {i}") for i in range(60000)))
    db.execute("COMMIT")
    db.close()
    return path


@pytest.mark.sanitized
def test_a_whole_store_is_whole(litekeep, small, tmp_path):
    other = tmp_path / "data" / "other.db"
    make_small(other, rows=0)
    litekeep.backup("--format", ALL, small)
    litekeep.backup(small, other)
    found = verify(litekeep)
    assert [(c["database"], c["status"]) for c in found.checked] and len(found.checked) == 3
    assert found.summary["backups"] == 3 and found.damages == []
    assert found.summary["files"] == sum(len(files_of(f)) - 2 for d in ("small", "other") for f in litekeep.backups(d))
    assert found.summary["rows"] == 2 * (303 + 303 + 3)
    assert "whole" in litekeep("verify", "small@latest").out
    assert litekeep("verify", "-q").out == ""


def test_every_awkward_database_and_the_yardstick_are_whole_and_come_back(litekeep, awkward_folder, yardstick):
    litekeep.backup("--format", ALL, awkward_folder, yardstick, expect=(0, 3))
    assert verify(litekeep).damages == []


@pytest.mark.sanitized
def test_flipped_bits_in_every_file_are_found_and_named(litekeep, small):
    litekeep.backup("--format", ALL, small)
    folder = litekeep.latest()
    rand = random.Random(1)
    for path in files_of(folder):
        original = path.read_bytes()
        name = str(path.relative_to(folder))
        places = {0, len(original) - 1, *(rand.randrange(len(original)) for _ in range(4))}
        for at in sorted(places):
            flip(path, at, rand.randrange(8))
            found = verify(litekeep, expect=5)
            named = found.files()
            # A manifest that still can be read differs from what SHA256SUMS says of it.
            assert name in named or (name == "manifest.json" and named & {"SHA256SUMS", None}), (name, at, found.damages)
            assert found.checked[0]["status"] == 5 and found.damages[0]["id"] == folder.name
            overwrite(path, original)
    assert verify(litekeep).damages == []


def test_flipped_bits_everywhere_in_big_files_are_found_with_their_part(litekeep, big):
    litekeep.backup(big)
    folder = litekeep.latest()
    parts = json.loads((folder / "manifest.json").read_text())["tables"][0]["parts"]
    assert len(parts) > 1
    rand = random.Random(2)
    for number, part in enumerate(parts[:2], 1):
        for kind, other in (("parquet", "json"), ("json", "parquet")):
            path = folder / part["files"][kind]["file"]
            original = path.read_bytes()
            for _ in range(2):
                flip(path, rand.randrange(len(original)), rand.randrange(8))
                (d,) = verify(litekeep, expect=5).damages
                assert (d["table"], d["part"], d["file"]) == ("big", number, part["files"][kind]["file"])
                assert d["restorable"] == other
                overwrite(path, original)


@pytest.mark.sanitized
def test_truncated_empty_missing_and_longer_files_are_found(litekeep, small):
    litekeep.backup("--format", ALL, small)
    folder = litekeep.latest()
    for path in files_of(folder):
        name, original = str(path.relative_to(folder)), path.read_bytes()
        for data in (original[:-1], b"", original + b"\n", None):
            if data is None:
                path.unlink()
            else:
                overwrite(path, data)
            found = verify(litekeep, expect=5)
            assert name in found.files() or name == "manifest.json" and found.files() & {"SHA256SUMS"}, (name, found.damages)
            if data is None:
                path.write_bytes(original)
                path.chmod(0o400)
            else:
                overwrite(path, original)
    assert verify(litekeep).damages == []


@pytest.mark.sanitized
def test_a_table_hurt_in_one_format_can_be_restored_from_the_other(litekeep, small, tmp_path):
    litekeep.backup(small)
    folder = litekeep.latest()
    for kind, other, name in (("parquet", "json", "parquet/post.parquet"), ("json", "parquet", "json/post.json.gz")):
        path = folder / name
        original = path.read_bytes()
        flip(path, len(original) // 2)
        found = damage(litekeep)
        (d,) = found.damages
        assert (d["table"], d["part"], d["file"], d["restorable"]) == ("post", 0, name, other)
        text = litekeep("verify", expect=5).out
        assert f"it can be restored from {other}: litekeep --store {litekeep.store} restore small@{folder.name} --to FILE" in text
        target = tmp_path / f"{kind}.db"
        litekeep("restore", f"small@{folder.name}", "--to", target)
        assert sqlite3.connect(target).execute("SELECT count(*) FROM post").fetchone() == (300,)
        overwrite(path, original)
    for name in ("parquet/post.parquet", "json/post.json.gz"):
        flip(folder / name, (folder / name).stat().st_size // 2)
    found = damage(litekeep)
    assert {d["restorable"] for d in found.damages} == {None} and len(found.damages) == 2
    assert "cannot be restored whole" in litekeep("verify", expect=5).out


def test_different_parts_hurt_in_different_formats_can_be_restored_from_both(litekeep, big):
    litekeep.backup(big)
    folder = litekeep.latest()
    parts = json.loads((folder / "manifest.json").read_text())["tables"][0]["parts"]
    for part, kind in ((parts[0], "parquet"), (parts[1], "json")):
        path = folder / part["files"][kind]["file"]
        flip(path, path.stat().st_size // 2)
    found = damage(litekeep)
    assert [(d["part"], d["restorable"]) for d in found.damages] == [(1, "parquet and json"), (2, "parquet and json")]
    path = folder / parts[0]["files"]["json"]["file"]
    overwrite(path, b"")
    assert {d["restorable"] for d in damage(litekeep).damages} == {None}


@pytest.mark.sanitized
def test_the_page_copy_stands_in_for_a_table_that_is_lost(litekeep, small):
    litekeep.backup("--format", ALL, small)
    folder = litekeep.latest()
    for name in ("parquet/post.parquet", "json/post.json.gz"):
        (folder / name).unlink()
    found = damage(litekeep)
    assert [d["restorable"] for d in found.damages] == ["sqlite", "sqlite"]
    assert f"litekeep --store {litekeep.store} restore small@{folder.name} --from sqlite --to FILE" in litekeep("verify", expect=5).out


def test_swapped_parts_are_found_even_with_equal_sizes(litekeep, big):
    litekeep.backup("--json-codec", "none", "--parquet-codec", "none", big)
    folder = litekeep.latest()
    parts = json.loads((folder / "manifest.json").read_text())["tables"][0]["parts"]
    for kind in ("parquet", "json"):
        a, b = (folder / parts[i]["files"][kind]["file"] for i in (0, 1))
        a.rename(folder / "x")
        b.rename(a)
        (folder / "x").rename(b)
        found = damage(litekeep)
        assert {(d["part"], d["file"]) for d in found.damages} == {(i + 1, parts[i]["files"][kind]["file"]) for i in (0, 1)}
        a.rename(folder / "x")
        b.rename(a)
        (folder / "x").rename(b)
    assert verify(litekeep).damages == []


@pytest.mark.sanitized
def test_swapped_files_of_equal_tables_are_found(litekeep, tmp_path):
    """Two tables of one shape and size: only the rows differ."""
    path = tmp_path / "twins.db"
    db = sqlite3.connect(path)
    for name, value in (("a", "one"), ("b", "two")):
        db.execute(f"CREATE TABLE {name} (v)")
        db.execute(f"INSERT INTO {name} VALUES (?)", [value])
    db.commit()
    db.close()
    litekeep.backup("--json-codec", "none", path)
    folder = litekeep.latest()
    a, b = folder / "json" / "a.json", folder / "json" / "b.json"
    assert a.stat().st_size == b.stat().st_size
    one, two = a.read_bytes(), b.read_bytes()
    overwrite(a, two)
    overwrite(b, one)
    assert damage(litekeep).files() == {"json/a.json", "json/b.json"}


@pytest.mark.sanitized
def test_what_does_not_belong_is_found(litekeep, small):
    litekeep.backup(small)
    folder = litekeep.latest()

    def extra_file():
        (folder / "parquet" / "extra.parquet").write_bytes(b"x")
        return "parquet/extra.parquet"

    def extra_folder():
        (folder / "more").mkdir()
        (folder / "more" / "file").write_bytes(b"")
        return "more"

    def hidden():
        (folder / ".hidden").write_bytes(b"")
        return ".hidden"

    def link():
        (folder / "json" / "link").symlink_to("/etc/passwd")
        return "json/link"

    def fifo():
        os.mkfifo(folder / "fifo")
        return "fifo"

    def bytes_name():
        (pathlib.Path(folder) / "bad\x1bname").write_bytes(b"")
        return None

    for make in (extra_file, extra_folder, hidden, link, fifo, bytes_name):
        name = make()
        found = damage(litekeep)
        assert len(found.damages) == 1 and "not in the manifest" in found.damages[0]["message"]
        assert name is None or found.damages[0]["file"] == name
        for path in set(folder.rglob("*")) - {p for p in folder.rglob("*") if p.name.startswith(("post", "kind", "schema", "manifest", "SHA"))} - \
                {folder / "parquet", folder / "json"}:
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink(missing_ok=True)
    assert verify(litekeep).damages == []


@pytest.mark.sanitized
def test_links_fifos_and_folders_in_place_of_files_are_damage_and_never_followed(litekeep, small, tmp_path):
    litekeep.backup(small)
    folder = litekeep.latest()
    for name in ("parquet/post.parquet", "json/post.json.gz", "schema.sql", "SHA256SUMS", "manifest.json"):
        path = folder / name
        saved = tmp_path / "saved"
        path.rename(saved)
        for make in (lambda: path.symlink_to(saved), lambda: os.mkfifo(path), path.mkdir):
            make()
            found = verify(litekeep, expect=5)
            assert name in found.files(), (name, found.damages)
            path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
        saved.rename(path)
    for name in ("parquet", "json"):
        moved = tmp_path / name
        (folder / name).rename(moved)
        (folder / name).symlink_to(moved)
        found = damage(litekeep)
        assert name in found.files() and any(d["table"] == "post" and "missing" in d["message"] for d in found.damages)
        (folder / name).unlink()
        moved.rename(folder / name)
    assert verify(litekeep).damages == []


@pytest.mark.sanitized
def test_a_manifest_changed_together_with_its_checksums_is_caught_by_the_content(litekeep, small):
    litekeep.backup("--format", ALL, small)
    folder = litekeep.latest()
    saved = {name: (folder / name).read_bytes() for name in ("manifest.json", "SHA256SUMS")}

    def table(m):
        return next(t for t in m["tables"] if t["name"] == "post")

    def hash_of_block(m):
        table(m)["parts"][0]["blocks"][0][2] = "0" * 32

    def hash_of_part(m):
        table(m)["parts"][0]["hash"] = "0" * 32

    def hash_of_table(m):
        table(m)["hash"] = "0" * 32

    def counts(m):
        column = table(m)["counts"][2]
        column[0], column[1] = column[0] + 1, column[1] - 1

    def rows(m):
        t = table(m)
        t["rows"] = t["parts"][0]["rows"] = t["parts"][0]["blocks"][0][0] = 299
        for column in t["counts"]:
            column[next(i for i, n in enumerate(column) if n)] -= 1

    def keys(m):
        table(m)["last_key"] = table(m)["parts"][0]["last_key"] = 301

    def raw_bytes(m):
        table(m)["raw_bytes"] += 1
        table(m)["parts"][0]["raw_bytes"] += 1

    def affinity(m):
        table(m)["columns"]["columns"][1]["column"] = "other"

    def kind(m):
        table(m)["columns"]["kind"] = "shadow"

    def offset(m):
        table(m)["parts"][0]["blocks"][0][1] = 1

    def sha(m):
        table(m)["parts"][0]["files"]["parquet"]["sha256"] = "0" * 64

    def dropped(m):
        m["tables"].remove(table(m))

    def no_json(m):
        del table(m)["parts"][0]["files"]["json"]

    for change in (hash_of_block, hash_of_part, hash_of_table, counts, rows, keys, raw_bytes, affinity, kind, offset, sha, dropped, no_json):
        edit_manifest(folder, change)
        found = verify(litekeep, expect=5)
        assert found.damages, change.__name__
        for name, data in saved.items():
            overwrite(folder / name, data)
    assert verify(litekeep).damages == []


@pytest.mark.sanitized
def test_hostile_manifests_are_refused(litekeep, small, tmp_path):
    litekeep.backup(small)
    folder = litekeep.latest()
    saved = {name: (folder / name).read_bytes() for name in ("manifest.json", "SHA256SUMS")}
    shutil.copyfile(folder / "schema.sql", folder.parent / "outside")

    def path(text):
        def change(m):
            m["files"]["schema_sql"]["file"] = text
        return change

    def part(**fields):
        def change(m):
            m["tables"][0]["parts"][0].update(fields)
        return change

    def table(**fields):
        def change(m):
            m["tables"][0].update(fields)
        return change

    changes = [path(p) for p in ("../outside", "/etc/passwd", "a/../../outside", ".", "", "a//b", "x" * 300, "a\0b", "schema.sql/.", "..")]
    changes += [part(rows=2**52), part(rows=-1), part(blocks=[[2**31, 0, "0" * 32]]), part(blocks=[[65536, 0, "0" * 32]] * 1000), part(blocks=[]),
                part(blocks=[[1, 2**52, "0" * 32]]), part(first_rowid=2**62), part(hash="zz"), part(shared_with="../x"), part(files=[]), part(files=None),
                table(rows=2**53), table(counts=[[2**53] * 6] * 4), table(parts=[]), table(stem="../x"), table(columns={}), table(columns=None),
                lambda m: m.update(tables=[m["tables"][0]] * 2), lambda m: m.update(id="2000-01-01T000000Z"),
                lambda m: m.clear(), lambda m: m.update(seq=0)]
    for number, change in enumerate(changes):
        edit_manifest(folder, change)
        found = verify(litekeep, expect=5)
        assert found.damages[0]["id"] == folder.name, number
        for name, data in saved.items():
            overwrite(folder / name, data)
    for text in (b"", b"{", b"[]", b"null", b"[" * 100000, b'{"a":1}\0', b"\xff" * 50):
        overwrite(folder / "manifest.json", text)
        assert verify(litekeep, expect=5).files() == {"manifest.json"}
    overwrite(folder / "manifest.json", saved["manifest.json"].replace(b'"format":', b'"format":9', 1))
    found = verify(litekeep, expect=(3, 5))
    assert found.damages or found.summary["notes"]


@pytest.mark.sanitized
def test_checksums_that_were_changed_are_damage(litekeep, small):
    litekeep.backup(small)
    folder = litekeep.latest()
    sums = folder / "SHA256SUMS"
    lines = sums.read_bytes().splitlines(keepends=True)
    for changed in (lines[1:], lines[:-1], lines[::-1], lines + lines[-1:], [*lines, b"0" * 64 + b"  zzz\n"], [b"\n", *lines],
                    [line.replace(b"  ", b" *") for line in lines], [line.upper() for line in lines], [b"\0" * 70 + b"\n"], [b"x" * 5_000_000],
                    [*lines[:-1], lines[-1][:-1]]):
        overwrite(sums, b"".join(changed))
        found = verify(litekeep, expect=5)
        assert found.files() == {"SHA256SUMS"} and len(found.damages) == 1, found.damages
    overwrite(sums, b"".join(lines))
    subprocess.run(["sha256sum", "--quiet", "-c", "SHA256SUMS"], cwd=folder, check=True)
    assert verify(litekeep).damages == []


@pytest.mark.sanitized
def test_a_file_that_two_backups_share_is_read_once_and_hurt_in_both(litekeep, small):
    """Files of equal content become links of one another, as a backup that shares them makes them."""
    for _ in range(3):
        litekeep.backup(small)
    first, second, third = litekeep.backups("small")
    shared = 0
    for path in files_of(first / "parquet") + files_of(first / "json"):
        twin = second / path.relative_to(first)
        assert path.read_bytes() == twin.read_bytes()
        twin.unlink()
        os.link(path, twin)
        shared += 1
    found = verify(litekeep)
    assert found.damages == [] and found.summary["files"] == 2 * (shared + 1) + 1
    assert found.summary["rows"] == 2 * 2 * 303
    flip(first / "json" / "post.json.gz", 60)
    found = damage(litekeep)
    assert [(d["id"], d["file"], d["restorable"]) for d in found.damages] == [(f.name, "json/post.json.gz", "parquet") for f in (first, second)]
    assert second.name in found.damages[0]["message"] and first.name in found.damages[1]["message"]
    assert [c["status"] for c in found.checked].count(0) == 1
    # Only one is asked for: the other is named, and the third is whole.
    (d,) = damage(litekeep, f"small@{second.name}").damages
    assert d["id"] == second.name and first.name in d["message"]
    verify(litekeep, f"small@{third.name}")


@pytest.mark.sanitized
def test_a_shared_file_of_which_the_manifests_expect_different_things_is_judged_for_each(litekeep, small):
    for _ in range(2):
        litekeep.backup(small)
    first, second = litekeep.backups("small")
    (second / "parquet" / "post.parquet").unlink()
    os.link(first / "parquet" / "post.parquet", second / "parquet" / "post.parquet")

    def change(m):
        t = next(t for t in m["tables"] if t["name"] == "post")
        t["parts"][0]["blocks"][0][2] = "0" * 32

    edit_manifest(second, change)
    assert {d["id"] for d in damage(litekeep).damages} == {second.name}


def test_subsets_together_read_every_file_once(litekeep, small, tmp_path):
    other = tmp_path / "data" / "other.db"
    db = sqlite3.connect(other)
    for i in range(20):
        db.execute(f"CREATE TABLE t{i} (v)")
        db.execute(f"INSERT INTO t{i} VALUES ({i})")
    db.commit()
    db.close()
    litekeep.backup("--format", ALL, small, other)
    whole = verify(litekeep).summary
    for t in (1, 2, 5):
        parts = [verify(litekeep, "--read-data-subset", f"{n}/{t}").summary for n in range(1, t + 1)]
        metadata = 2  # schema.sql of both, always
        assert sum(p["files"] - metadata for p in parts) == whole["files"] - metadata
        assert sum(p["rows"] for p in parts) == whole["rows"]
        assert [p["files"] for p in parts] == [verify(litekeep, "--read-data-subset", f"{n}/{t}").summary["files"] for n in range(1, t + 1)]
    victim = litekeep.latest("other") / "parquet" / "t7.parquet"
    flip(victim, victim.stat().st_size // 2)
    results = [verify(litekeep, "--read-data-subset", f"{n}/5", expect=(0, 5)) for n in range(1, 6)]
    hurt = [r for r in results if r.damages]
    assert len(hurt) == 1 and hurt[0].done.status == 5
    assert hurt[0].damages[0]["restorable"] == "json", "the other format is read then, whatever its subset"
    (litekeep.latest("other") / "json" / "t3.json.gz").unlink()
    assert all("json/t3.json.gz" in verify(litekeep, "--read-data-subset", f"{n}/5", expect=5).files() for n in range(1, 6)), \
        "what is missing is noticed by each"
    for wrong in ("0/5", "6/5", "1", "a/b", "1/0", "-1/5", "1/5x"):
        litekeep("verify", f"--read-data-subset={wrong}", expect=2)


def state_in_list(litekeep, database="small"):
    (found,) = litekeep("list", "--json", database).json()["databases"]
    return [(b["checked"] is not None, b["damaged"]) for b in found["backups"]]


@pytest.mark.sanitized
def test_the_result_is_noted_and_shown_by_list_and_show(litekeep, small):
    litekeep.backup(small)
    litekeep.backup(small)
    first, second = litekeep.backups("small")
    assert state_in_list(litekeep) == [(False, False)] * 2
    litekeep("verify", "--read-data-subset", "1/3")
    assert state_in_list(litekeep) == [(False, False)] * 2, "a subset is not the whole"
    litekeep("verify", f"small@{first.name}")
    assert state_in_list(litekeep) == [(True, False), (False, False)]
    victim = first / "parquet" / "kind.parquet"
    flip(victim, victim.stat().st_size // 2)
    litekeep("verify", expect=5)
    assert state_in_list(litekeep) == [(True, True), (True, False)]
    assert "DAMAGED" in litekeep("list", "small").out and "DAMAGED" in litekeep("list").out
    assert "DAMAGED" in litekeep("show", f"small@{first.name}").out
    assert litekeep("show", "--json", f"small@{first.name}").json()["damaged"] is True
    flip(victim, victim.stat().st_size // 2)
    for n in (1, 2, 3):
        litekeep("verify", "--read-data-subset", f"{n}/3")
    assert state_in_list(litekeep) == [(True, True), (True, False)], "subsets do not take damage back"
    litekeep("verify")
    assert state_in_list(litekeep) == [(True, False), (True, False)]
    events = [json.loads(line) for line in (litekeep.store / "small" / "events.jsonl").read_text().splitlines()]
    noted = [e for e in events if e["type"] == "verify"]
    assert noted[-1]["status"] == "ok" and "subsets" not in noted[-1] and noted[0]["subsets"] == 3


@pytest.mark.sanitized
def test_restore_rebuilds_and_compares(litekeep, small, tmp_path):
    litekeep.backup("--format", ALL, small)
    litekeep.backup("--format", "json", small)
    work = tmp_path / "work"
    work.mkdir()
    found = verify(litekeep, "--restore", "--tmp", work)
    assert found.summary["restored"] == 3, "each once, and the page copy"
    assert os.listdir(work) == []
    folder = litekeep.backups("small")[0]

    # What only rebuilding can show: SQL that is none.
    def change(m):
        row = next(r for r in m["schema"] if r["name"] == "post")
        row["sql"] = row["sql"].replace("likes INTEGER", "liked INTEGER")

    edit_manifest(folder, change)
    found = verify(litekeep, "--restore", "--tmp", work, expect=5)
    assert "rebuilt" in found.damages[0]["message"] and os.listdir(work) == []
    litekeep("verify", "--tmp", work, expect=2)
    litekeep("verify", "--restore", "--tmp", tmp_path / "nowhere", expect=1)


@pytest.mark.sanitized
def test_a_backup_of_the_original_script_is_read_to_its_end(litekeep, small):
    litekeep.backup(small)
    made = litekeep.latest()
    folder = litekeep.store / "small" / "2023-05-29-09:14:42"
    for kind in ("parquet", "json"):
        (folder / kind).mkdir(parents=True)
        for path in files_of(made / kind):
            shutil.copyfile(path, folder / kind / path.name)
    (folder / "json" / "plain.json").write_text('{"a":1}\n{"a":2}\n')
    found = verify(litekeep, f"small@{folder.name}")
    assert "without a manifest" in found.summary["notes"][0] and found.summary["files"] == 5
    assert found.summary["rows"] == 2 * 303 + 2
    path = folder / "json" / "post.json.gz"
    original = path.read_bytes()
    for data in (original[:-20], b"x" + original[1:], gzip.compress(b'{"id":\n')):
        path.write_bytes(data)
        (d,) = damage(litekeep).damages
        assert (d["id"], d["table"], d["file"], d["restorable"]) == (folder.name, "post", "json/post.json.gz", "parquet")
    path.write_bytes(original)
    (folder / "parquet" / "kind.parquet").write_bytes(b"PAR1")
    assert damage(litekeep, f"small@{folder.name}").damages[0]["table"] == "kind"


@pytest.mark.root
def test_a_read_only_store_is_checked_all_the_same(litekeep, small, mounts):
    mount = mounts.tmpfs("disk", "size=16m")
    store = mount / "store"
    litekeep.backup(small, store=store)
    subprocess.run(["mount", "-o", "remount,ro", mount], check=True)
    found = verify(litekeep, store=store)
    assert any("journal" in note for note in found.summary["notes"])
    subprocess.run(["mount", "-o", "remount,rw", mount], check=True)
    victim = litekeep.latest("small", store) / "schema.sql"
    flip(victim, 3)
    subprocess.run(["mount", "-o", "remount,ro", mount], check=True)
    assert damage(litekeep, store=store).files() == {"schema.sql"}


def test_a_lock_of_another_run_delays_but_does_not_fail_a_check(litekeep, small):
    import fcntl
    litekeep.backup(small)
    with open(litekeep.store / "small" / ".lock", "r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        found = verify(litekeep)
    assert found.damages == [] and any("journal" in note for note in found.summary["notes"])
    assert state_in_list(litekeep) == [(False, False)]


@pytest.mark.sanitized
def test_what_is_asked_for_is_what_is_checked(litekeep, small, tmp_path):
    other = tmp_path / "data" / "other.db"
    make_small(other, rows=2)
    for _ in range(2):
        litekeep.backup(small, other)
    first, second = litekeep.backups("small")
    assert [(c["database"], c["id"]) for c in verify(litekeep, "small@latest").checked] == [("small", second.name)]
    assert len(verify(litekeep, "small").checked) == 2 and len(verify(litekeep, small, "small@latest", "other@latest~1").checked) == 3
    (first / "manifest.json").unlink()
    found = damage(litekeep, f"small@{first.name}")
    assert found.files() == {"manifest.json"} and [c["id"] for c in found.checked] == [first.name]
    litekeep("verify", "nothing", expect=10)
    litekeep("verify", "small@2001-01-01", expect=10)
    litekeep("verify", store=tmp_path / "nowhere", expect=10)


def test_one_job_finds_the_same_as_many(litekeep, big):
    small = big.with_name("small.db")
    make_small(small)
    litekeep.backup("--format", ALL, big, small)
    for path in (litekeep.latest("big") / "sqlite" / "big.sqlite.zst", litekeep.latest("small") / "json" / "kind.json.gz",
                 next((litekeep.latest("big") / "parquet").rglob("part-00002.parquet"))):
        flip(path, path.stat().st_size // 2)
    results = [verify(litekeep, "--jobs", n, expect=5) for n in (1, 2, 7)]
    assert results[0].damages == results[1].damages == results[2].damages and len(results[0].damages) == 3
    assert [r.summary["rows"] for r in results] == [results[0].summary["rows"]] * 3
    assert [[c["database"] for c in r.checked] for r in results] == [["big", "small"]] * 3, "the small one waits for the one before it"


def test_many_small_backups_are_checked_with_few_files_open(litekeep, tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    for i in range(60):
        make_small(folder / f"d{i:02}.db", rows=i)
    for _ in range(2):
        litekeep.backup(folder)
    found = verify(litekeep, before=("prlimit", "--nofile=40"))
    assert found.summary["backups"] == 120 and found.damages == []
    assert [(c["database"], c["id"]) for c in found.checked] == \
        [(name, b.name) for name in (f"d{i:02}" for i in range(60)) for b in litekeep.backups(name)]


def test_an_interrupted_check_says_so_and_notes_nothing_that_it_did_not_do(litekeep, yardstick):
    import signal
    litekeep.backup(yardstick)
    for _ in range(3):
        process = litekeep.start("verify", "--jobs", "1")
        process.send_signal(signal.SIGINT)
        done = litekeep.finish(process)
        assert done.status in (0, 130, -signal.SIGINT)
        if done.status == 130:
            assert state_in_list(litekeep, "posts") == [(False, False)]
            break
