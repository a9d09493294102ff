#!/usr/bin/env python3
"""Every fuzz target for some seconds, with ASan and UBSan, starting from its seeds.

    tests/fuzz/run.py [SECONDS] [TARGET...]

What the fuzzer finds new goes to build/fuzz/corpus/<target>/; an input that fails a target to build/fuzz/<target>-*.
Add a failing input to tests/fuzz/seeds/<target>/ once it is mended: it is then replayed by `make test`.
"""
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDER = ROOT / "build" / "fuzz"


def main():
    seconds = sys.argv[1] if len(sys.argv) > 1 else "60"
    if not (FOLDER / "build.ninja").exists():
        subprocess.run(["meson", "setup", FOLDER, "-Db_sanitize=address,undefined", "-Db_lundef=false", "-Dtests=enabled",
                        "-Dbuildtype=debugoptimized", "-Dc_args=-fsanitize=fuzzer-no-link -fno-sanitize-recover=all"],
                       cwd=ROOT, env={**os.environ, "CC": "clang"}, check=True)
    subprocess.run(["ninja", "-C", FOLDER], check=True)
    targets = sys.argv[2:] or sorted(p.stem[len("fuzz_"):] for p in (ROOT / "tests" / "fuzz").glob("fuzz_*.c"))
    if not targets:
        sys.exit("no fuzz targets")
    failed = []
    for target in targets:
        corpus = FOLDER / "corpus" / target
        corpus.mkdir(parents=True, exist_ok=True)
        command = ["setarch", "-R", FOLDER / "tests" / "fuzz" / f"fuzz_{target}", f"-max_total_time={seconds}",
                   "-rss_limit_mb=2048", "-timeout=20", f"-artifact_prefix={FOLDER}/{target}-", "-print_final_stats=1",
                   corpus, ROOT / "tests" / "fuzz" / "seeds" / target]
        if subprocess.run(command).returncode != 0:
            failed.append(target)
    print(f"{len(targets) - len(failed)} targets held for {seconds} s each" +
          (f"; FAILED: {' '.join(failed)}" if failed else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
