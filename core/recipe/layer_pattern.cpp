// Matching of layer names. Patterns come from outside, so matching is bounded: PCRE2 gives up instead of hanging.
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <memory>

#include "core/base/error.h"
#include "core/recipe/recipe.h"

namespace graticule {

namespace {

constexpr std::uint32_t match_limit = 100'000;

using Code = std::unique_ptr<pcre2_code, decltype(&pcre2_code_free)>;

std::string glob_to_regex(const std::string& glob) {
    std::string regex;
    bool in_braces = false;
    for (std::size_t i = 0; i < glob.size(); ++i) {
        const char c = glob[i];
        if (c == '*') {
            regex += ".*";
        } else if (c == '?') {
            regex += '.';
        } else if (c == '{') {
            in_braces = true;
            regex += "(?:";
        } else if (c == '}' && in_braces) {
            in_braces = false;
            regex += ')';
        } else if (c == ',' && in_braces) {
            regex += '|';
        } else if (c == '[' && glob.find(']', i + 1) != std::string::npos) {
            const std::size_t end = glob.find(']', i + 1);
            regex += glob.substr(i, end - i + 1);
            i = end;
        } else {
            if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '_') regex += '\\';
            regex += c;
        }
    }
    return regex;
}

Code compile(const std::string& pattern, bool regex, std::string& problem) {
    const std::string text = "(?:" + (regex ? pattern : glob_to_regex(pattern)) + ")";
    int error = 0;
    PCRE2_SIZE offset = 0;
    Code code(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), PCRE2_ANCHORED | PCRE2_ENDANCHORED,
                            &error, &offset, nullptr),
              &pcre2_code_free);
    if (code != nullptr) return code;
    PCRE2_UCHAR message[256];
    pcre2_get_error_message(error, message, sizeof message);
    problem = std::string(regex ? "regular expression" : "pattern") + " \"" + pattern +
              "\" cannot be read: " + reinterpret_cast<const char*>(message);
    return code;
}

} // namespace

std::string check_pattern(const std::string& pattern, bool regex) {
    if (pattern.empty()) return "the pattern is empty; use * for every layer";
    std::string problem;
    compile(pattern, regex, problem);
    return problem;
}

bool matches_layer(const std::string& pattern, bool regex, const std::string& name) {
    std::string problem;
    const Code code = compile(pattern, regex, problem);
    if (code == nullptr) throw Error(ErrorKind::bad_input, problem);
    const std::unique_ptr<pcre2_match_data, decltype(&pcre2_match_data_free)> data(
        pcre2_match_data_create_from_pattern(code.get(), nullptr), &pcre2_match_data_free);
    const std::unique_ptr<pcre2_match_context, decltype(&pcre2_match_context_free)> limits(
        pcre2_match_context_create(nullptr), &pcre2_match_context_free);
    pcre2_set_match_limit(limits.get(), match_limit);
    for (std::size_t start = 0; start != std::string::npos;) {
        const int result = pcre2_match(code.get(), reinterpret_cast<PCRE2_SPTR>(name.data() + start),
                                       name.size() - start, 0, 0, data.get(), limits.get());
        if (result >= 0) return true;
        if (result != PCRE2_ERROR_NOMATCH)
            throw Error(ErrorKind::bad_input,
                        "pattern \"" + pattern + "\" takes too long on \"" + name + "\"; make it simpler");
        const std::size_t dot = name.find('.', start);
        start = dot == std::string::npos ? dot : dot + 1;
    }
    return false;
}

} // namespace graticule
