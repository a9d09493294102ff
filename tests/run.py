#!/usr/bin/env python3
"""Every check of the project, suite by suite; `make test` calls it.

    tests/run.py [SUITE...]        all suites, or the ones named

Each suite's whole output goes to build/logs/<suite>.log; what failed is shown. The last line of the output is
"N passed, N failed" over all suites (written to the file LITEKEEP_SUMMARY instead, when that is set). A test is a
cmocka test function, a fuzz seed, a pytest test, a checked file, or a build.
"""
import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
LOGS = BUILD / "logs"
JOBS = max(1, min(len(os.sched_getaffinity(0)), int(os.environ.get("LITEKEEP_TEST_JOBS", "64"))))
SHOWN = 60  # lines of a failed command


class Suite:
    """Counts, and the log."""

    def __init__(self, name):
        self.name = name
        self.passed = self.failed = self.skipped = 0
        self.failures = []
        self.log = open(LOGS / f"{name}.log", "w", errors="backslashreplace")

    def good(self, count=1):
        self.passed += count

    def bad(self, what, detail="", count=1):
        self.failed += count
        self.failures.append((what, detail))

    def run(self, command, timeout=1500, env=None):
        """The command's exit status and output, which is logged."""
        self.log.write(f"\n$ {' '.join(map(str, command))}\n")
        self.log.flush()
        try:
            done = subprocess.run(list(map(str, command)), cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, timeout=timeout, env={**os.environ, **(env or {})})
            status, output = done.returncode, done.stdout.decode(errors="backslashreplace")
        except subprocess.TimeoutExpired as late:
            status = 124
            output = (late.stdout or b"").decode(errors="backslashreplace") + f"\nstopped after {timeout} s\n"
        self.log.write(output)
        self.log.flush()
        return status, output

    def step(self, what, command, **options):
        """A command that must succeed; counted as one test."""
        status, output = self.run(command, **options)
        if status == 0:
            self.good()
        else:
            self.bad(what, tail(output, worst=True))
        return status == 0


TROUBLE = re.compile(r"error|undefined reference|FAILED|fatal|Assertion|cannot ", re.IGNORECASE)


def tail(text, worst=False):
    """The last lines; `worst`: of those that tell of trouble, where there are any."""
    lines = text.rstrip().splitlines()
    bad = [line for line in lines if worst and TROUBLE.search(line) and len(line) < 1000]
    return "\n".join((bad or lines)[-SHOWN:])


def sources(*folders, suffixes=(".c", ".h")):
    return sorted(p for folder in folders for p in (ROOT / folder).rglob("*") if p.suffix in suffixes)


def each(suite, files, command_of, jobs=JOBS, show=tail):
    """One command a file, several at once; each is a test."""
    def one(path):
        done = subprocess.run(list(map(str, command_of(path))), cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True)
        return path, done.returncode, (done.stdout + done.stderr).decode(errors="backslashreplace")

    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for path, status, output in pool.map(one, files):
            suite.log.write(f"{path}: {status}\n{output}")
            if status == 0:
                suite.good()
            else:
                suite.bad(str(path.relative_to(ROOT)), show(output))


def configure(suite, name, options, env=None):
    """A meson build folder; its build counts as one test."""
    folder = BUILD / name
    if not (folder / "build.ninja").exists():
        shutil.rmtree(folder, ignore_errors=True)
        if not suite.step(f"meson setup {name}", ["meson", "setup", folder, *options], env=env):
            return None
    return folder if suite.step(f"build {name}", ["ninja", "-C", folder]) else None


PLAN = re.compile(r"^1\.\.(\d+)$", re.MULTILINE)
RESULT = re.compile(r"^(ok|not ok) (\d+)(.*)$", re.MULTILINE)


def meson_tests(suite, folder, wrapper=(), env=None):
    """Run the unit tests and fuzz replays of a build folder, and count their test functions by the TAP they print."""
    command = ["meson", "test", "-C", folder, "--no-rebuild", "--num-processes", JOBS]
    if wrapper:
        command += ["--wrapper", " ".join(wrapper)]
    logs = folder / "meson-logs"  # the log's name depends on the wrapper's
    for old in logs.glob("testlog*.json"):
        old.unlink()
    status, output = suite.run(command, env={"CMOCKA_MESSAGE_OUTPUT": "TAP", **(env or {})})
    log = next(logs.glob("testlog*.json"), None)
    if log is None or "No tests defined" in output:
        suite.bad("meson test", tail(output))
        return
    programs = 0
    for line in log.read_text(errors="backslashreplace").splitlines():
        test = json.loads(line)
        programs += 1
        out, err = test.get("stdout", ""), test.get("stderr", "")
        results = RESULT.findall(out)
        bad = [f"{rest.strip(' -')}" for word, _, rest in results if word == "not ok" and not rest.startswith(" # SKIP")]
        skipped = sum(rest.startswith(" # SKIP") for _, _, rest in results)
        good = sum(word == "ok" for word, _, _ in results)
        missing = sum(map(int, PLAN.findall(out))) - len(results)
        suite.good(good)
        suite.skipped += skipped
        for name in bad:
            suite.bad(f"{test['name']}: {name}", tail(out + err))
        if missing > 0:
            suite.bad(f"{test['name']}: {missing} tests were not run ({test['result']})", tail(out + err), count=missing)
        elif test["result"] != "OK" and not bad:
            suite.bad(f"{test['name']}: {test['result']}", tail(out + err))
        elif test["result"] == "OK" and not results:
            suite.good()
    if programs == 0:
        suite.bad("no test programs")
    elif status != 0 and not suite.failed:
        suite.bad("meson test", tail(output))


def pytest(suite, arguments, env=None, timeout=1500):
    report = LOGS / f"{suite.name}.xml"
    report.unlink(missing_ok=True)
    status, output = suite.run([sys.executable, "-m", "pytest", "-q", "-ra", "--tb=short", "--color=no",
                                f"--junitxml={report}", "-p", "no:cacheprovider", *arguments], timeout=timeout,
                               env={"PYTHONDONTWRITEBYTECODE": "1", **(env or {})})
    if not report.exists():
        suite.bad("pytest", tail(output))
        return
    for case in xml.etree.ElementTree.parse(report).iter("testcase"):
        name = f"{case.get('classname')}::{case.get('name')}"
        trouble = [c for c in case if c.tag in ("failure", "error")]
        skipped = case.find("skipped")
        if trouble:
            suite.bad(name, tail(trouble[0].text or trouble[0].get("message", "")))
        elif skipped is not None:
            suite.skipped += 1
        else:
            suite.good()
    for line in output.splitlines():
        if line.startswith("SKIPPED") or line.startswith("note: "):
            print(f"    {line}")
    # 0: all passed; 1: some failed, counted above; anything else means that pytest itself did not get through.
    if status not in (0, 1):
        suite.bad("pytest", tail(output))



def suite_format(suite):
    each(suite, sources("include", "src", "tests"), lambda p: ["clang-format", "--dry-run", "-Werror", p])


def suite_unit(suite):
    """gcc, the compiler's checks of the library's own contracts on."""
    folder = configure(suite, "gcc", ["-Dtests=enabled", "-Dgit=enabled", "-Dcurl=enabled", "-Disal=enabled"], env={"CC": "gcc"})
    if folder:
        meson_tests(suite, folder)


def suite_layers(suite):
    archives = sorted((BUILD / "gcc" / "src").rglob("liblk_*.a"))
    status, output = suite.run([sys.executable, "tests/layers.py", *archives])
    match = re.search(r"^(\d+) checks, (\d+) failures$", output, re.MULTILINE)
    if not match or not archives:
        suite.bad("tests/layers.py", tail(output))
        return
    suite.good(int(match[1]) - int(match[2]))
    if int(match[2]) or status:
        suite.bad("structure", tail(output), count=max(1, int(match[2])))


def suite_clang(suite):
    folder = configure(suite, "clang", ["-Dtests=enabled", "-Dgit=enabled", "-Dcurl=enabled", "-Disal=enabled"], env={"CC": "clang"})
    if folder:
        meson_tests(suite, folder)


# The sanitizers of clang 14 do not know the address layout of newer kernels with much randomisation.
FIXED_ADDRESSES = ("setarch", "-R")
SANITIZER = {"ASAN_OPTIONS": "detect_stack_use_after_return=1:strict_string_checks=1:allocator_may_return_null=1",
             "UBSAN_OPTIONS": "print_stacktrace=1", "TSAN_OPTIONS": "halt_on_error=1:second_deadlock_stack=1"}


def sanitized(suite, name, what):
    folder = configure(suite, name, [f"-Db_sanitize={what}", "-Db_lundef=false", "-Dtests=enabled", "-Dgit=enabled", "-Dcurl=enabled",
                                     "-Disal=enabled", "-Dc_args=-fno-sanitize-recover=all -fno-omit-frame-pointer"],
                       env={"CC": "clang"})
    if folder:
        meson_tests(suite, folder, FIXED_ADDRESSES, SANITIZER)


def suite_asan(suite):
    sanitized(suite, "asan", "address,undefined")


def suite_tsan(suite):
    sanitized(suite, "tsan", "thread")


def suite_cppcheck(suite):
    suite.step("cppcheck", ["cppcheck", "--quiet", f"-j{JOBS}", "--std=c11", "--enable=warning,performance,portability",
                            "--inline-suppr", "--suppress=missingIncludeSystem", "--suppress=legacyUninitvar",
                            # Its parser takes hexadecimal floating constants for something else.
                            "--suppress=incorrectLogicOperator", "--error-exitcode=1", "-D_GNU_SOURCE",
                            "-DLK_VERSION=\"0\"", "-Iinclude", "-Isrc", "src", "include"])


def suite_tidy(suite):
    database = BUILD / "clang" / "compile_commands.json"
    if not database.exists():
        suite.bad("clang-tidy", "the clang build has no compile_commands.json")
        return
    known = {(pathlib.Path(e["directory"]) / e["file"]).resolve() for e in json.loads(database.read_text())}
    each(suite, sorted(p for p in known if p.is_relative_to(ROOT)),
         lambda p: ["clang-tidy", "--quiet", "-p", BUILD / "clang", p],
         show=lambda text: tail("\n".join(line for line in text.splitlines() if "warnings generated" not in line)))


PROGRAMS = {"LITEKEEP": str(BUILD / "litekeep"), "LITEKEEP_STATIC": str(BUILD / "litekeep-static")}


def release(suite):
    """The program as users get it, and the static one."""
    good = suite.step("make", ["make", "all"])
    return suite.step("make static", ["make", "static"]) and good


def suite_e2e(suite):
    if release(suite):
        pytest(suite, ["tests/e2e", "-n", JOBS, "--dist", "worksteal", "-m", "not alone"],
               env=PROGRAMS)


def suite_faults(suite):
    if release(suite):
        pytest(suite, ["tests/faults", "-n", JOBS, "--dist", "worksteal", "-m", "not alone"], env=PROGRAMS)


def suite_alone(suite):
    """Tests that measure time: nothing runs beside them."""
    if suite.step("make", ["make", "all"]):
        pytest(suite, ["tests/e2e", "tests/faults", "-m", "alone"], env=PROGRAMS)


def program_under(suite, name):
    """The end-to-end tests that find most, with the program built by a sanitizer: its findings fail the run."""
    folder = BUILD / name
    if not suite.step(f"build {name}", ["ninja", "-C", folder]):
        return
    pytest(suite, ["tests/e2e", "-n", JOBS, "--dist", "worksteal", "-m", "sanitized"],
           env={"LITEKEEP": str(folder / "litekeep"), "LITEKEEP_WRAPPER": " ".join(FIXED_ADDRESSES), **SANITIZER})


def suite_e2e_asan(suite):
    program_under(suite, "asan")


def suite_e2e_tsan(suite):
    program_under(suite, "tsan")


SUITES = {
    "format": suite_format,
    "unit": suite_unit,
    "layers": suite_layers,
    "clang": suite_clang,
    "asan": suite_asan,
    "tsan": suite_tsan,
    "cppcheck": suite_cppcheck,
    "tidy": suite_tidy,
    "e2e": suite_e2e,
    "faults": suite_faults,
    "alone": suite_alone,
    "e2e-asan": suite_e2e_asan,
    "e2e-tsan": suite_e2e_tsan,
}


def main():
    wanted = sys.argv[1:] or list(SUITES)
    unknown = [name for name in wanted if name not in SUITES]
    if unknown:
        sys.exit(f"no such suite: {' '.join(unknown)}; there are: {' '.join(SUITES)}")
    LOGS.mkdir(parents=True, exist_ok=True)
    begun = time.monotonic()
    passed = failed = skipped = 0
    for name in wanted:
        started = time.monotonic()
        suite = Suite(name)
        try:
            SUITES[name](suite)
        except Exception as error:  # a suite that breaks must not hide the others' results
            suite.bad(f"{name}: {type(error).__name__}", str(error))
        if not suite.passed and not suite.failed:
            suite.bad(f"{name}: no test was run")
        suite.log.close()
        for what, detail in suite.failures:
            print(f"FAILED {name}: {what}\n" + "".join(f"    {line}\n" for line in detail.splitlines()), end="")
        print(f"{name:10} {suite.passed:6} passed {suite.failed:4} failed {suite.skipped:4} skipped"
              f" {time.monotonic() - started:7.1f} s", flush=True)
        passed, failed, skipped = passed + suite.passed, failed + suite.failed, skipped + suite.skipped
    print(f"{skipped} skipped, {time.monotonic() - begun:.0f} s; logs in build/logs")
    line = f"{passed} passed, {failed} failed"
    summary = os.environ.get("LITEKEEP_SUMMARY")
    if summary:
        pathlib.Path(summary).write_text(line + "\n")
    else:
        print(line, flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
