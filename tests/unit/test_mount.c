#include "database.h"

#include "sqlite/mount.h"

static const char workstation[] =
    "22 28 0:20 / /proc rw,nosuid,nodev,noexec,relatime shared:13 - proc proc rw\n"
    "28 1 8:2 / / rw,relatime shared:1 - ext4 /dev/sda2 rw,errors=remount-ro\n"
    "30 28 8:3 / /home rw,relatime shared:2 master:9 - ext4 /dev/sda3 rw\n"
    "31 28 0:44 / /homes rw - nfs4 files:/export rw,vers=4.2\n"
    "32 28 0:45 / /mnt/with\\040space rw - fuseblk /dev/sdb1 rw\n"
    "33 28 0:46 / /mnt/remote rw - fuse.sshfs me@host:/srv rw\n"
    "this line is not one of a mount table\n";

/* Two nodes of a cluster: the second mounts the export elsewhere and binds a part of it to /home. */
static const char node_one[] = "28 1 8:2 / / rw - ext4 /dev/sda2 rw\n"
                               "40 28 0:50 / /nfs rw - nfs4 files:/export rw\n";
static const char node_two[] = "28 1 8:2 / / rw - ext4 /dev/sda2 rw\n"
                               "41 28 0:51 / /cluster/data rw - nfs4 files:/export rw\n"
                               "42 28 0:51 /u /home rw - nfs4 files:/export rw\n"
                               "43 28 0:52 / /direct rw - nfs4 files:/export/u rw\n";

static char *identity(const char *mountinfo, const char *machine, const char *path)
{
    struct lk_mount *m = NULL;
    struct lk_error err = {0};
    assert_int_equal(lk_mount_find(mountinfo, path, &m, &err), LK_OK);
    char *text = lk_mount_identity(m, machine, path);
    assert_non_null(text);
    lk_mount_free(m);
    return text;
}

static void each_network_file_system_is_known_by_its_number(void **state)
{
    (void)state;
    static const uint64_t magics[] = {0x6969,     0x517B,     0xFF534D42, 0xFE534D42, 0x0BD00BD0, 0x47504653,
                                      0x00C36400, 0x5346414F, 0x6B414653, 0x01021997, 0x19830326, 0xAAD7AAEA,
                                      0x7461636F, 0x01161970, 0x65735546, 0x73757245};
    for (size_t i = 0; i < sizeof magics / sizeof *magics; i++) {
        assert_true(lk_mount_is_network(magics[i], NULL));
        /* statfs' field is signed on some systems, and then extends the sign. */
        assert_true(lk_mount_is_network((uint64_t)(int64_t)(int32_t)magics[i], NULL));
    }
}

static void each_local_file_system_is_not(void **state)
{
    (void)state;
    static const uint64_t magics[] = {0xEF53 /* ext4 */,      0x58465342 /* xfs */,
                                      0x9123683E /* btrfs */, 0x01021994 /* tmpfs */,
                                      0x2FC12FC1 /* zfs */,   0x794C7630 /* overlay */,
                                      0x2011BAB0 /* exfat */, 0x4D44 /* vfat */,
                                      0xF2F52010 /* f2fs */,  0xCA451A4E /* bcachefs */};
    for (size_t i = 0; i < sizeof magics / sizeof *magics; i++)
        assert_false(lk_mount_is_network(magics[i], NULL));
}

static void a_block_device_under_fuse_is_local_and_sshfs_is_not(void **state)
{
    (void)state;
    assert_false(lk_mount_is_network(0x65735546, "fuseblk"));
    assert_true(lk_mount_is_network(0x65735546, "fuse.sshfs"));
    assert_true(lk_mount_is_network(0, "nfs4"));
    assert_true(lk_mount_is_network(0, "lustre"));
    assert_false(lk_mount_is_network(0, "ext4"));
    assert_false(lk_mount_is_network(0, "fusectl"));
}

static void the_longest_mount_point_wins_by_whole_names(void **state)
{
    (void)state;
    static const struct {
        const char *path, *point, *type;
    } cases[] = {
        {"/home/u/a.db", "/home", "ext4"},
        {"/homes/u/a.db", "/homes", "nfs4"},
        {"/homely/a.db", "/", "ext4"},
        {"/home", "/home", "ext4"},
        {"/a.db", "/", "ext4"},
        {"/proc/self/maps", "/proc", "proc"},
        {"/mnt/with space/a.db", "/mnt/with space", "fuseblk"},
        {"/mnt/remote/a.db", "/mnt/remote", "fuse.sshfs"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct lk_mount *m = NULL;
        struct lk_error err = {0};
        assert_int_equal(lk_mount_find(workstation, cases[i].path, &m, &err), LK_OK);
        assert_string_equal(m->point, cases[i].point);
        assert_string_equal(m->type, cases[i].type);
        lk_mount_free(m);
    }
}

static void a_later_mount_hides_an_earlier_one_at_the_same_place(void **state)
{
    (void)state;
    static const char twice[] =
        "28 1 8:2 / / rw - ext4 /dev/sda2 rw\n40 28 0:5 / /d rw - autofs systemd-1 rw\n"
        "41 40 0:6 / /d rw - nfs4 files:/export rw\n";
    struct lk_mount *m = NULL;
    struct lk_error err = {0};
    assert_int_equal(lk_mount_find(twice, "/d/a.db", &m, &err), LK_OK);
    assert_string_equal(m->type, "nfs4");
    assert_true(m->network);
    lk_mount_free(m);
}

static void a_table_without_the_path_is_not_found(void **state)
{
    (void)state;
    struct lk_mount *m = NULL;
    struct lk_error err = {0};
    assert_int_equal(lk_mount_find("36 35 98:0 / /mnt rw - ext4 /dev/sda rw\n", "/home/a.db", &m, &err),
                     LK_NOT_FOUND);
    assert_int_equal(lk_mount_find("", "/home/a.db", &m, &err), LK_NOT_FOUND);
}

static void two_nodes_agree_on_a_file_of_a_network_file_system(void **state)
{
    (void)state;
    char *one = identity(node_one, "m1", "/nfs/u/a.db");
    assert_string_equal(one, "mount:files:/export/u/a.db");
    static const char *const elsewhere[] = {"/cluster/data/u/a.db", "/home/a.db", "/direct/a.db"};
    for (size_t i = 0; i < 3; i++) {
        char *two = identity(node_two, "m2", elsewhere[i]);
        assert_string_equal(one, two);
        lk_free(two);
    }
    lk_free(one);
}

static void two_machines_do_not_agree_on_a_file_of_a_local_one(void **state)
{
    (void)state;
    char *one = identity(workstation, "m1", "/home/u/a.db");
    char *two = identity(workstation, "m2", "/home/u/a.db");
    assert_string_equal(one, "local:m1:/home/u/a.db");
    assert_string_equal(two, "local:m2:/home/u/a.db");
    lk_free(one);
    lk_free(two);
}

static void an_export_of_everything_does_not_double_its_slash(void **state)
{
    (void)state;
    char *one = identity("40 28 0:50 / /nfs rw - nfs4 files:/ rw\n", "m", "/nfs/a.db");
    assert_string_equal(one, "mount:files:/a.db");
    lk_free(one);
}

static void a_link_has_the_identity_of_what_it_names(void **state)
{
    (void)state;
    struct lk_dir dir = LK_DIR_CLOSED;
    struct lk_error err = {0};
    assert_true(scratch_make(&dir));
    make_database(in_scratch(&dir, "a.db"), "CREATE TABLE t(a)");
    assert_int_equal(symlink("a.db", in_scratch(&dir, "b.db")), 0);
    char *one = NULL;
    char *two = NULL;
    assert_int_equal(lk_mount_identify(in_scratch(&dir, "a.db"), &one, &err), LK_OK);
    assert_int_equal(lk_mount_identify(in_scratch(&dir, "b.db"), &two, &err), LK_OK);
    assert_string_equal(one, two);
    assert_non_null(strstr(one, "/a.db"));
    lk_free(one);
    lk_free(two);
    assert_int_equal(lk_mount_identify(in_scratch(&dir, "none"), &one, &err), LK_NOT_FOUND);
    assert_true(scratch_remove(&dir));
}

static void this_machine_has_a_name(void **state)
{
    (void)state;
    char *machine = lk_mount_machine();
    assert_non_null(machine);
    assert_true(strlen(machine) == 32 || strncmp(machine, "host-", 5) == 0);
    lk_free(machine);
}

static void the_mount_of_proc_is_proc(void **state)
{
    (void)state;
    struct lk_mount *m = NULL;
    struct lk_error err = {0};
    assert_int_equal(lk_mount_of("/proc", &m, &err), LK_OK);
    assert_string_equal(m->type, "proc");
    assert_int_equal(m->magic, 0x9FA0);
    assert_false(m->network);
    lk_mount_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_network_file_system_is_known_by_its_number),
        cmocka_unit_test(each_local_file_system_is_not),
        cmocka_unit_test(a_block_device_under_fuse_is_local_and_sshfs_is_not),
        cmocka_unit_test(the_longest_mount_point_wins_by_whole_names),
        cmocka_unit_test(a_later_mount_hides_an_earlier_one_at_the_same_place),
        cmocka_unit_test(a_table_without_the_path_is_not_found),
        cmocka_unit_test(two_nodes_agree_on_a_file_of_a_network_file_system),
        cmocka_unit_test(two_machines_do_not_agree_on_a_file_of_a_local_one),
        cmocka_unit_test(an_export_of_everything_does_not_double_its_slash),
        cmocka_unit_test(a_link_has_the_identity_of_what_it_names),
        cmocka_unit_test(this_machine_has_a_name),
        cmocka_unit_test(the_mount_of_proc_is_proc),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
