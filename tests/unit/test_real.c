#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/real.h"

static uint64_t seed = UINT64_C(88172645463325252);

static uint64_t next_random(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed * UINT64_C(0x9e3779b97f4a7c15);
}

static double of_bits(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static uint64_t bits_of(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static const char *formatted(double value)
{
    static char text[LK_REAL_SIZE + 1];
    memset(text, '#', sizeof text);
    const size_t len = lk_real_format(value, text);
    assert_true(len < LK_REAL_SIZE);
    text[len] = '\0';
    return text;
}

static void assert_parses(const char *text)
{
    const double expected = strtod(text, NULL);
    const double got = lk_real_parse(text, strlen(text));
    if (bits_of(expected) != bits_of(got))
        fail_msg("%.60s is %.17g and was parsed as %.17g", text, expected, got);
}

/* The significant digits of a spelling, without zeros at either end. */
static void significant(const char *text, char out[64])
{
    size_t count = 0;
    for (; *text != '\0' && *text != 'e'; text++)
        if (*text >= '0' && *text <= '9' && (count > 0 || *text != '0'))
            out[count++] = *text;
    while (count > 0 && out[count - 1] == '0')
        count--;
    out[count] = '\0';
}

/* The oracle: the fewest digits that strtod takes back. Of that many, printf gives the closest decimal; just
 * above a power of two, where doubles lie closer below than above, only its neighbour may come back. */
static bool find_shortest(double value, int digits, char out[64])
{
    char text[64];
    (void)snprintf(text, sizeof text, "%.*e", digits - 1, value);
    const int exponent = atoi(strchr(text, 'e') + 1) - (digits - 1);
    char spelled[64];
    significant(text, spelled);
    while (strlen(spelled) < (size_t)digits)
        (void)strcat(spelled, "0");
    const long long middle = atoll(spelled);
    for (int i = 0; i < 3; i++) {
        const long long neighbour = middle + (i == 0 ? 0 : i == 1 ? 1 : -1);
        (void)snprintf(out, 64, "%s%llde%d", value < 0 ? "-" : "", neighbour, exponent);
        if (strtod(out, NULL) == value)
            return true;
    }
    return false;
}

static void assert_shortest(double value)
{
    char text[LK_REAL_SIZE + 1];
    memcpy(text, formatted(value), sizeof text);
    assert_true(strpbrk(text, ".e") != NULL);
    assert_int_equal(bits_of(strtod(text, NULL)), bits_of(value));
    assert_int_equal(bits_of(lk_real_parse(text, strlen(text))), bits_of(value));
    if (value == 0)
        return;
    char shortest[64];
    for (int digits = 1; !find_shortest(value, digits, shortest); digits++)
        assert_true(digits < 17);
    char ours[64];
    char theirs[64];
    significant(text, ours);
    significant(shortest, theirs);
    if (strcmp(ours, theirs) != 0)
        fail_msg("%.17g became %s and not %s", value, text, shortest);
}

/* Random doubles of different kinds; never NaN or infinity. */
static double random_double(unsigned kind)
{
    uint64_t bits = next_random();
    switch (kind % 7) {
    case 0:
        break;
    case 1: /* moderate */
        bits = (bits & UINT64_C(0x800fffffffffffff)) | (1023 - 40 + next_random() % 100) << 52;
        break;
    case 2: /* subnormal */
        bits &= UINT64_C(0x800fffffffffffff) >> next_random() % 50;
        break;
    case 3: /* around powers of two */
        bits = (bits & UINT64_C(0x7fe0000000000000)) + next_random() % 5;
        break;
    case 4: /* just below them */
        bits = (bits & UINT64_C(0x7fe0000000000000)) + (UINT64_C(1) << 53) - 1 - next_random() % 3;
        break;
    case 5: /* few decimals */
        return (double)(int64_t)(next_random() >> (1 + next_random() % 62)) / 1000.0;
    default: /* integers */
        return (double)(int64_t)(next_random() >> next_random() % 63);
    }
    return (bits >> 52 & 0x7ff) == 0x7ff ? 1.5 : of_bits(bits);
}

static void every_double_is_spelled_shortest_and_comes_back(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 200000; i++)
        assert_shortest(random_double(i));
}

static void every_power_of_two_and_of_ten_is_spelled_shortest(void **state)
{
    (void)state;
    for (uint64_t exponent = 0; exponent < 0x7ff; exponent++) {
        assert_shortest(of_bits((exponent << 52) + (exponent == 0)));
        assert_shortest(of_bits((exponent << 52) + 1));
        assert_shortest(of_bits((exponent << 52) + (UINT64_C(1) << 52) - 1));
    }
    for (int bit = 0; bit < 52; bit++)
        assert_shortest(of_bits(UINT64_C(1) << bit));
    for (int exponent = -323; exponent <= 308; exponent++) {
        char text[16];
        (void)snprintf(text, sizeof text, "1e%d", exponent);
        assert_shortest(strtod(text, NULL));
    }
}

static void spellings_are_plain_in_the_middle_and_scientific_outside(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *text;
    } cases[] = {{0.0, "0.0"},
                 {-0.0, "-0.0"},
                 {1.0, "1.0"},
                 {-1.5, "-1.5"},
                 {100.0, "100.0"},
                 {0.1, "0.1"},
                 {123.456, "123.456"},
                 {0.00001, "0.00001"},
                 {0.0000099, "9.9e-6"},
                 {0.000015, "0.000015"},
                 {-0.000012345678901234567, "-0.000012345678901234568"},
                 {1e16, "10000000000000000.0"},
                 {99999999999999984.0, "99999999999999980.0"},
                 {1e17, "1e17"},
                 {123456789012345680.0, "1.2345678901234568e17"},
                 {9007199254740992.0, "9007199254740992.0"},
                 {9007199254740991.0, "9007199254740991.0"},
                 {9007199254740994.0, "9007199254740994.0"},
                 {1e300, "1e300"},
                 {1.5e-7, "1.5e-7"},
                 {5e-324, "5e-324"},
                 {2.2250738585072014e-308, "2.2250738585072014e-308"},
                 {1.7976931348623157e308, "1.7976931348623157e308"},
                 {9.5367431640625e-7, "9.5367431640625e-7"},
                 {2e-44, "2e-44"},
                 {9007199254740993e10, "9.007199254740994e25"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(formatted(cases[i].value), cases[i].text);
    assert_string_equal(formatted(of_bits(UINT64_C(0x7ff) << 52)), "9e999");
    assert_string_equal(formatted(of_bits(UINT64_C(0xfff) << 52)), "-9e999");
}

static void spelled_infinity_is_infinity_again(void **state)
{
    (void)state;
    assert_int_equal(bits_of(lk_real_parse("9e999", 5)), UINT64_C(0x7ff) << 52);
    assert_int_equal(bits_of(lk_real_parse("-9e999", 6)), UINT64_C(0xfff) << 52);
}

static void any_decimal_is_parsed_to_the_nearest_double(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 600000; i++) {
        char text[100];
        size_t len = 0;
        const unsigned digits = 1 + (unsigned)(next_random() % 40);
        const unsigned point = (unsigned)(next_random() % (digits + 1));
        if (next_random() % 2 == 0)
            text[len++] = '-';
        if (next_random() % 4 == 0 || point == 0) {
            text[len++] = '0';
            text[len++] = '.';
        }
        for (unsigned k = 0; k < digits; k++) {
            if (k == point && memchr(text, '.', len) == NULL)
                text[len++] = '.';
            text[len++] = (char)('0' + next_random() % 10);
        }
        if (next_random() % 4 != 0)
            len += (size_t)snprintf(text + len, 16, "%c%s%d", i % 2 == 0 ? 'e' : 'E', i % 3 == 0 ? "+" : "",
                                    (int)(next_random() % 360));
        else
            len += (size_t)snprintf(text + len, 16, "e-%d", (int)(next_random() % 370));
        text[len] = '\0';
        assert_parses(text);
    }
}

/* The midpoint between a double and the next one, exactly, and its neighbours in the last digit. */
static void midpoints_go_to_even_and_their_neighbours_to_the_nearest(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3000; i++) {
        const uint64_t bits = bits_of(random_double(i)) & INT64_MAX;
        const uint64_t exponent = bits >> 52;
        if (exponent == 0x7fe)
            continue;
        /* The value is c * 2^q: the midpoint is (2 c + 1) * 2^(q - 1), which long double holds exactly where
         * its range is wider. */
        const long double middle = ((long double)of_bits(bits) + (long double)of_bits(bits + 1)) / 2;
        char text[1200];
        const int len = snprintf(text, sizeof text, "%.1100Le", middle);
        assert_true(len > 1100 && (size_t)len < sizeof text);
        assert_parses(text);
        char *exponent_at = strchr(text, 'e');
        exponent_at[-1] = '1';
        assert_parses(text);
        exponent_at[-1] = '0';
        /* One less in the last digit that is not zero. */
        char *last = exponent_at - 1;
        while (*last == '0' || *last == '.')
            last--;
        (*last)--;
        assert_parses(text);
    }
}

static void edges_of_range_and_length_are_parsed_right(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "0",
        "-0",
        "0.0",
        "0e5",
        "0e99999999999999999999",
        "-0.000e-999999999999",
        "1e308",
        "1.7976931348623157e308",
        "1.7976931348623158e308",
        "1.7976931348623159e308",
        "179769313486231580793728971405301e276",
        "1e309",
        "1e99999999999999999999",
        "4.9e-324",
        "5e-324",
        "2.4703282292062327e-324",
        "2.4703282292062328e-324",
        "2.5e-324",
        "2e-324",
        "1e-324",
        "1e-400",
        "1e-99999999999999999999",
        "2.2250738585072011e-308",
        "2.2250738585072012e-308",
        "2.2250738585072014e-308",
        "9007199254740992.999",
        "9007199254740993",
        "9007199254740993.0",
        "9007199254740993.00000000000000000000000000000000001",
        "9007199254740995",
        "9007199254740996.9999",
        "90071992547409930e-1",
        "9223372036854775807",
        "9223372036854775808",
        "18446744073709551615",
        "18446744073709551616",
        "10000000000000000000000000000000000000000000000000000000000000000000000",
        "0.000000000000000000000000000000000000000000000000000000000000000000000000000000000000000001",
        "123456789012345678901234567890e-20",
        "0.500000000000000166533453693773481063544750213623046875",
        "3."
        "2378839133029012895883524125015321748630376694231080599012970495523019706706765657868357425877995578"
        "6061577655983828343551439108415316925268919056439645957739461803892836530514346395510035669666562920"
        "2017331344031730044369360205258345803431471660032699580731300954848363975548690010751530018881758184"
        "1745696521731104736960227499346384253806233697747365600089974040609674980283891918789639685754392222"
        "0641698146269011334252400272438594165105129355260142115533343022523729152384332233132613843147782359"
        "1142408800030775170625915670728657003151953664260769822494937951845801530895238439819708403389937873"
        "2414634842056080000272705311068273879077914449185347715987501628125488627684932015189916680282517302"
        "99953143924168545708663913273994694463908672332763671875e-319"};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_parses(cases[i]);
    /* Thousands of digits, the last of which decides. */
    static char text[20000];
    memset(text, '0', sizeof text);
    memcpy(text, "9007199254740993.", 17);
    text[sizeof text - 1] = '\0';
    assert_true(lk_real_parse(text, strlen(text)) == 9007199254740992.0);
    text[sizeof text - 2] = '1';
    assert_true(lk_real_parse(text, strlen(text)) == 9007199254740994.0);
    memset(text, '1', sizeof text - 1);
    assert_parses(text);
    text[1] = '.';
    assert_parses(text);
    memset(text, '0', 15000);
    text[1] = '.';
    memcpy(text + sizeof text - 8, "1e15000", 8);
    assert_parses(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_double_is_spelled_shortest_and_comes_back),
        cmocka_unit_test(every_power_of_two_and_of_ten_is_spelled_shortest),
        cmocka_unit_test(spellings_are_plain_in_the_middle_and_scientific_outside),
        cmocka_unit_test(spelled_infinity_is_infinity_again),
        cmocka_unit_test(any_decimal_is_parsed_to_the_nearest_double),
        cmocka_unit_test(midpoints_go_to_even_and_their_neighbours_to_the_nearest),
        cmocka_unit_test(edges_of_range_and_length_are_parsed_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
