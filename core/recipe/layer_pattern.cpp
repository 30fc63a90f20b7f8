// Matching of layer names. Patterns come from outside, so matching is bounded: PCRE2 gives up instead of hanging.
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "core/recipe/layer_pattern.h"

#include <cctype>
#include <cstdint>
#include <utility>

namespace graticule {

namespace {

constexpr std::uint32_t match_limit = 100'000;

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

} // namespace

LayerPattern::LayerPattern(std::string pattern, bool regex)
    : text_(std::move(pattern)) {
    if (text_.empty()) {
        problem_ = "the pattern is empty; use * for every layer";
        return;
    }
    const std::string text = "(?:" + (regex ? text_ : glob_to_regex(text_)) + ")";
    int error = 0;
    PCRE2_SIZE offset = 0;
    pcre2_code* code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(),
                                     PCRE2_ANCHORED | PCRE2_ENDANCHORED, &error, &offset, nullptr);
    if (code != nullptr) {
        code_ = std::shared_ptr<const void>(code, [](pcre2_code* owned) { pcre2_code_free(owned); });
        return;
    }
    PCRE2_UCHAR message[256];
    pcre2_get_error_message(error, message, sizeof message);
    problem_ = std::string(regex ? "regular expression" : "pattern") + " \"" + text_ +
               "\" cannot be read: " + reinterpret_cast<const char*>(message);
}

LayerPattern::Answer LayerPattern::ask(const std::string& name) const noexcept {
    const auto* code = static_cast<const pcre2_code*>(code_.get());
    if (code == nullptr) return Answer::no;
    const std::unique_ptr<pcre2_match_data, decltype(&pcre2_match_data_free)> data(
        pcre2_match_data_create_from_pattern(code, nullptr), &pcre2_match_data_free);
    const std::unique_ptr<pcre2_match_context, decltype(&pcre2_match_context_free)> limits(
        pcre2_match_context_create(nullptr), &pcre2_match_context_free);
    if (data == nullptr || limits == nullptr) return Answer::too_long;
    pcre2_set_match_limit(limits.get(), match_limit);
    for (std::size_t start = 0; start != std::string::npos;) {
        const int result = pcre2_match(code, reinterpret_cast<PCRE2_SPTR>(name.data() + start), name.size() - start, 0,
                                       0, data.get(), limits.get());
        if (result >= 0) return Answer::yes;
        if (result != PCRE2_ERROR_NOMATCH) return Answer::too_long;
        const std::size_t dot = name.find('.', start);
        start = dot == std::string::npos ? dot : dot + 1;
    }
    return Answer::no;
}

std::string LayerPattern::too_long_on(const std::string& name) const {
    return "pattern \"" + text_ + "\" takes too long on \"" + name + "\"; make it simpler";
}

} // namespace graticule
