#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "ops/backup_table.h"

static void parts_come_out_near_the_wanted_size(void **state)
{
    (void)state;
    /* Average rows from 1 byte to the size of a part: 2^k of them are within a factor of 1.5 of 32 MiB. */
    for (uint64_t average = 1; average < LK_PART_SPACING / 2; average = average * 5 / 3 + 1) {
        const uint64_t part = average << lk_part_bits(average * 1000, 1000, 0);
        if (part < LK_PART_SPACING * 2ull / 3 || part > LK_PART_SPACING * 3ull / 2)
            fail_msg("rows of %llu bytes: parts of %llu", (unsigned long long)average,
                     (unsigned long long)part);
    }
    assert_int_equal(lk_part_bits(UINT64_C(1) << 40, 1, 0), 1);
    assert_int_equal(lk_part_bits(0, 0, 0), lk_part_bits(1, 1, 0));
}

static void the_old_cut_is_kept_until_it_is_off_by_four_times(void **state)
{
    (void)state;
    const unsigned bits = lk_part_bits(1000000, 1000, 0);
    assert_int_equal(lk_part_bits(1000000, 1000, bits + 1), bits + 1);
    assert_int_equal(lk_part_bits(1000000, 1000, bits - 1), bits - 1);
    assert_int_equal(lk_part_bits(1000000, 1000, bits + 2), bits);
    assert_int_equal(lk_part_bits(1000000, 1000, bits - 2), bits);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_come_out_near_the_wanted_size),
        cmocka_unit_test(the_old_cut_is_kept_until_it_is_off_by_four_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
