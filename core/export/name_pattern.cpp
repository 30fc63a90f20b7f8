#include "core/export/name_pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <memory>
#include <new>

#include "core/base/error.h"

namespace graticule {

bool matches_at_start(const std::string& pattern, const std::string& name, const std::string& what) {
    int problem = 0;
    PCRE2_SIZE place = 0;
    const std::unique_ptr<pcre2_code, decltype(&pcre2_code_free)> code(
        pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                      PCRE2_ANCHORED | PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C, &problem, &place, nullptr),
        pcre2_code_free);
    const auto refuse = [&](const std::string& why) { throw Error(ErrorKind::unsupported, what + " " + why); };
    if (!code)
        refuse("is no regular expression that this program can read, near its character " + std::to_string(place));
    const std::unique_ptr<pcre2_match_data, decltype(&pcre2_match_data_free)> data(
        pcre2_match_data_create_from_pattern(code.get(), nullptr), pcre2_match_data_free);
    const std::unique_ptr<pcre2_match_context, decltype(&pcre2_match_context_free)> limits(
        pcre2_match_context_create(nullptr), pcre2_match_context_free);
    if (!data || !limits) throw std::bad_alloc();
    pcre2_set_match_limit(limits.get(), 100'000);
    const int result =
        pcre2_match(code.get(), reinterpret_cast<PCRE2_SPTR>(name.data()), name.size(), 0, 0, data.get(), limits.get());
    if (result < 0 && result != PCRE2_ERROR_NOMATCH) refuse("takes too long to match with module names");
    return result >= 0;
}

} // namespace graticule
