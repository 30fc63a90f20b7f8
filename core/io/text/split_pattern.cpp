#include "core/io/text/split_pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>
#include <array>
#include <new>

#include "core/base/cancel_point.h"
#include "core/base/error.h"

namespace graticule {
namespace {

// Patterns of published tokenizers that are not named in the header.
constexpr const char* cl100k =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+)";
constexpr const char* cl100k_newer =
    R"('(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+)";
constexpr const char* bloom_in_files = R"( ?[^(\s|[.,!?…。，、।۔،])]+)";
constexpr const char* words_and_rest = R"(\w+|[^\w\s]+)"; // the pre-tokenizer "Whitespace"

struct KnownPattern {
    const char* in_files;
    const char* equivalent = nullptr; ///< what PCRE2 is given where its dialect would read the original differently
};

constexpr auto known_patterns = std::to_array<KnownPattern>({
    {patterns::gpt2},
    {patterns::llama3},
    {patterns::qwen2},
    {patterns::tekken},
    {patterns::gpt4o},
    {cl100k},
    {cl100k_newer},
    {patterns::bloom},
    {bloom_in_files, patterns::bloom}, // Onigmo takes the inner brackets for a class within the class
    {patterns::three_digits},
    {patterns::one_number},
    {patterns::numbers},
    {patterns::up_to_three_numbers},
    {patterns::falcon_punctuation},
    {patterns::default_punctuation},
    {patterns::default_words},
    {words_and_rest},
});

/// \s as Onigmo and Rust understand it. PCRE2's own counts U+180E, which has not been white space since Unicode 6.3.
constexpr std::string_view white_space =
    R"(\t-\r\x20\x{85}\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000})";

std::string with_unicode_white_space(std::string_view pattern) {
    std::string result;
    bool in_class = false;
    for (std::size_t i = 0; i < pattern.size(); ++i) {
        const char c = pattern[i];
        if (c == '\\' && i + 1 < pattern.size()) {
            const char escaped = pattern[++i];
            if (escaped == 's')
                (result += in_class ? "" : "[").append(white_space) += in_class ? "" : "]";
            else if (escaped == 'S' && !in_class)
                result.append("[^").append(white_space) += "]";
            else
                (result += c) += escaped;
            continue;
        }
        if (c == '[') in_class = true;
        if (c == ']') in_class = false;
        result += c;
    }
    return result;
}

// A match of these patterns looks at each character a few times; this stops anything else early.
constexpr std::uint32_t match_limit = 200'000'000;

} // namespace

struct SplitPattern::Compiled {
    pcre2_code* code = nullptr;
    pcre2_match_context* context = nullptr;
    ~Compiled() {
        pcre2_match_context_free(context);
        pcre2_code_free(code);
    }
};

SplitPattern::SplitPattern(const std::string& pattern)
    : compiled_(std::make_unique<Compiled>()) {
    const std::string text = with_unicode_white_space(pattern);
    int error = 0;
    PCRE2_SIZE offset = 0;
    compiled_->code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), PCRE2_UTF | PCRE2_UCP,
                                    &error, &offset, nullptr);
    GRATICULE_ASSERT(compiled_->code != nullptr, "a known pattern that does not compile");
    pcre2_jit_compile(compiled_->code,
                      PCRE2_JIT_COMPLETE); // without JIT on this machine pcre2_match interprets: slower, the same
    compiled_->context = pcre2_match_context_create(nullptr);
    GRATICULE_ASSERT(compiled_->context != nullptr, "no memory for a match context");
    pcre2_set_match_limit(compiled_->context, match_limit);
}

SplitPattern::~SplitPattern() = default;

std::shared_ptr<const SplitPattern> SplitPattern::known(const std::string& pattern, const std::string& where) {
    const auto found = std::find_if(known_patterns.begin(), known_patterns.end(),
                                    [&](const KnownPattern& row) { return pattern == row.in_files; });
    if (found == known_patterns.end())
        throw Error(ErrorKind::unsupported, where + ": the regular expression \"" + pattern +
                                                "\" is not one of the pre-tokenizer patterns this program knows");
    return std::shared_ptr<const SplitPattern>(
        new SplitPattern(found->equivalent != nullptr ? found->equivalent : found->in_files));
}

void SplitPattern::for_each_match(std::string_view text,
                                  const std::function<void(std::size_t, std::size_t)>& use) const {
    const std::unique_ptr<pcre2_match_data, decltype(&pcre2_match_data_free)> match(
        pcre2_match_data_create_from_pattern(compiled_->code, nullptr), &pcre2_match_data_free);
    if (match == nullptr) throw std::bad_alloc();
    const PCRE2_SIZE* bounds = pcre2_get_ovector_pointer(match.get());
    const auto* subject = reinterpret_cast<PCRE2_SPTR>(text.data());
    std::size_t matches = 0;
    for (std::size_t at = 0; at < text.size();) {
        if (++matches % 0x10000 == 0) cancel_point();
        const int result =
            pcre2_match(compiled_->code, subject, text.size(), at, PCRE2_NO_UTF_CHECK, match.get(), compiled_->context);
        if (result == PCRE2_ERROR_NOMATCH) return;
        if (result < 0)
            throw Error(ErrorKind::bad_input, "splitting the text into words was given up at byte " +
                                                  std::to_string(at) + " (PCRE2 error " + std::to_string(result) + ")");
        GRATICULE_ASSERT(bounds[1] > at, "a known pattern that matches nothing");
        use(bounds[0], bounds[1]);
        at = bounds[1];
    }
}

} // namespace graticule
