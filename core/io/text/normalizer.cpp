#include "core/io/text/normalizer.h"

#include <utility>

#include "core/base/cancel_point.h"
#include "core/base/error.h"
#include "core/io/text/utf8.h"

namespace graticule {

NormalizeStep normalize_to(NormalForm form) {
    return [form](const std::string& text, std::size_t) { return normalized(text, form); };
}

NormalizeStep prepend_text(std::string prefix) {
    return [prefix = std::move(prefix)](std::string text, std::size_t) { return text.empty() ? text : prefix + text; };
}

NormalizeStep replace_text(std::string from, std::string to) {
    return [from = std::move(from), to = std::move(to)](const std::string& text, std::size_t limit) {
        return replaced(text, from, to, limit);
    };
}

NormalizeStep to_lower_case() {
    return [](const std::string& text, std::size_t) { return lower_case(text); };
}

NormalizeStep strip_white_space(bool left, bool right) {
    return [left, right](const std::string& text, std::size_t) {
        std::size_t begin = 0, end = 0; // end: behind the last character that stays
        bool inside = false;
        for (std::size_t at = 0, length = 0; at < text.size(); at += length) {
            length = utf8_length(text, at);
            if (is_white_space(utf8_code_point(text, at))) continue;
            if (!inside) begin = at;
            inside = true;
            end = at + length;
        }
        if (!inside) return left || right ? std::string() : text;
        const std::size_t from = left ? begin : 0;
        return text.substr(from, (right ? end : text.size()) - from);
    };
}

std::size_t growth_limit(std::size_t original) {
    constexpr std::size_t factor = 256, allowance = std::size_t{1} << 20;
    return original * factor + allowance;
}

void check_growth(std::size_t size, std::size_t limit) {
    if (size > limit)
        throw Error(ErrorKind::bad_input, "the tokenizer's rules make a text grow to more than " +
                                              std::to_string(limit) +
                                              " bytes, hundreds of times its own; its file is damaged");
}

std::string apply_steps(const std::vector<NormalizeStep>& steps, std::string_view text) {
    const std::size_t limit = growth_limit(text.size());
    std::string result(text);
    for (const NormalizeStep& step : steps) {
        cancel_point();
        result = step(std::move(result), limit);
        check_growth(result.size(), limit);
    }
    return result;
}

std::string replaced(std::string_view text, std::string_view from, std::string_view to, std::size_t limit) {
    std::string result;
    result.reserve(text.size());
    std::size_t done = 0;
    for (std::size_t at = text.find(from); at != std::string_view::npos; at = text.find(from, done)) {
        check_growth(result.size() + (at - done) + to.size(), limit);
        result.append(text.substr(done, at - done)).append(to);
        done = at + from.size();
    }
    return result.append(text.substr(done));
}

} // namespace graticule
