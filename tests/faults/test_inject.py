"""System calls that fail: the Nth, or all from the Nth on."""
import os

import pytest

from invariant import Scene, count_calls, make_scene, sample, strace

WRITES = "write,writev,pwrite64,pwritev,copy_file_range,ftruncate,fallocate"
SYNCS = "fsync,fdatasync,sync_file_range,syncfs"
RENAMES = "rename,renameat,renameat2"
LINKS = "link,linkat"
MOST = int(os.environ.get("LITEKEEP_TEST_FAULTS", "5"))


@pytest.fixture(scope="module")
def scene_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scene")
    make_scene(folder)
    return folder


@pytest.fixture
def scene(scene_folder):
    return Scene(scene_folder)


@pytest.mark.parametrize("calls, error", [
    (WRITES, "ENOSPC"), (WRITES, "EIO"), (WRITES, "EDQUOT"), (SYNCS, "EIO"), (SYNCS, "ENOSPC"), (RENAMES, "EIO"), (RENAMES, "ENOSPC"), (LINKS, "EIO"),
    (LINKS, "ENOSPC"), ("mkdir,mkdirat", "ENOSPC"), ("openat,openat2", "EMFILE"), ("openat,openat2", "EACCES"), ("close", "EIO"), ("pread64,preadv,read", "EIO"),
    ("unlink,unlinkat", "EIO"), ("flock", "EINTR"), ("fstat,newfstatat,statx", "EIO"), ("getdents64", "EIO")],
    ids=lambda value: value.split(",")[0])
@pytest.mark.timeout(600)
def test_a_failing_call_leaves_every_backup_whole(scene, tmp_path, calls, error):
    count = count_calls(scene, calls, tmp_path / "trace")
    for number in sample(count, MOST):
        # Neither a call that is interrupted for ever is a fault that exists, nor a close that leaves every descriptor open.
        for when in (f"{number}", f"{number}+") if error != "EINTR" and calls != "close" else (f"{number}",):
            scene.reset()
            done = scene.run(*strace(f"{calls}:error={error}:when={when}"))
            try:
                scene.check(done, mute="write" in calls)
                scene.recover()
            except AssertionError as failure:
                raise AssertionError(f"{error} at call {when} of {calls}: {failure}\n{done!r}") from None


@pytest.mark.parametrize("error", ["EMLINK", "EXDEV", "EPERM", "EOPNOTSUPP", "ENOSYS", "EACCES"])
def test_where_links_fail_a_part_is_copied(scene, error):
    """Any error but EIO, ENOSPC and EDQUOT: a copy, said once."""
    done = scene.run(*strace(f"{LINKS}:error={error}"), expect=0)
    scene.check(done)
    scene.recover()


@pytest.mark.parametrize("rule", ["fchmod,fchmodat,chmod:error=EPERM", "fchmod,fchmodat,chmod:error=EOPNOTSUPP", "flock:error=ENOLCK", "flock:error=EOPNOTSUPP",
                                  "flock:error=ENOSYS", "copy_file_range,fallocate:error=EOPNOTSUPP", "ioctl:error=ENOTTY", "statx:error=ENOSYS",
                                  "openat2:error=ENOSYS", "renameat2:error=EINVAL", "getrandom:error=EINTR:when=1", "sched_getaffinity:error=ENOSYS"])
def test_what_a_file_system_may_lack_is_done_without(scene, rule):
    done = scene.run(*strace(rule), expect=0)
    scene.check(done)
    scene.recover()


@pytest.mark.parametrize("calls", [WRITES, SYNCS, RENAMES, LINKS, "unlink,unlinkat", "mkdir,mkdirat", "close", "openat,openat2"], ids=lambda value: value.split(",")[0])
@pytest.mark.timeout(600)
def test_a_kill_at_any_step_leaves_a_backup_complete_or_absent(scene, tmp_path, calls):
    count = count_calls(scene, calls, tmp_path / "trace")
    for number in sample(count, MOST):
        scene.reset()
        scene.run(*strace(f"{calls}:signal=KILL:when={number}"))
        try:
            scene.check(None)
            scene.recover()
        except AssertionError as failure:
            raise AssertionError(f"killed at call {number} of {calls}: {failure}") from None


@pytest.mark.parametrize("limit", ["--fsize=20000", "--fsize=200", "--nofile=12", "--nofile=24", "--nproc=0", "--as=150000000", "--as=300000000", "--stack=65536"])
def test_a_resource_limit_is_an_error_and_no_crash(scene, limit):
    from conftest import WRAPPER, tool
    done = scene.run(tool("prlimit"), limit)
    assert done.status in (0, 1, 3), repr(done)
    scene.check(done)
    scene.recover()
