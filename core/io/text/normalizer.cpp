#include "core/io/text/normalizer.h"

#include <utility>

#include "core/base/cancel_point.h"
#include "core/base/error.h"
#include "core/io/text/utf8.h"

namespace graticule {

NormalizeStep normalize_to(NormalForm form) {
    return [form](NormalText& normal, std::size_t) { normal.text = normalized(normal.text, form); };
}

NormalizeStep prepend_text(std::string prefix) {
    return [prefix = std::move(prefix)](NormalText& normal, std::size_t) {
        if (!normal.text.empty()) normal.text.insert(0, prefix); // where it began stays where it began
    };
}

NormalizeStep replace_text(std::string from, std::string to) {
    return [from = std::move(from), to = std::move(to)](NormalText& normal, std::size_t limit) {
        // What is put in stands where the last character of what is taken out stood; nothing: what follows moves up.
        if (normal.text.starts_with(from) && (to.empty() || utf8_length(from, 0) < from.size()))
            normal.from_start = false;
        normal.text = replaced(normal.text, from, to, limit);
    };
}

NormalizeStep to_lower_case() {
    return [](NormalText& normal, std::size_t) { normal.text = lower_case(normal.text); };
}

NormalizeStep strip_white_space(bool left, bool right) {
    return [left, right](NormalText& normal, std::size_t) {
        const std::string& text = normal.text;
        std::size_t begin = 0, end = 0; // end: behind the last character that stays
        bool inside = false;
        for (std::size_t at = 0, length = 0; at < text.size(); at += length) {
            length = utf8_length(text, at);
            if (is_white_space(utf8_code_point(text, at))) continue;
            if (!inside) begin = at;
            inside = true;
            end = at + length;
        }
        if (!left && !right) return;
        if (!inside) begin = end = left ? text.size() : 0;
        const std::size_t from = left ? begin : 0;
        normal.from_start = normal.from_start && from == 0;
        normal.text = text.substr(from, (right ? end : text.size()) - from);
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

NormalText apply_steps(const std::vector<NormalizeStep>& steps, std::string_view text) {
    const std::size_t limit = growth_limit(text.size());
    NormalText result{std::string(text)};
    for (const NormalizeStep& step : steps) {
        cancel_point();
        step(result, limit);
        check_growth(result.text.size(), limit);
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
