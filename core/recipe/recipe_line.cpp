// The one-line notation: operand terms and method terms, separated by spaces, in any order (docs/recipes.md).
#include <algorithm>
#include <charconv>
#include <iterator>
#include <sstream>
#include <vector>

#include "core/base/error.h"
#include "core/recipe/recipe.h"

namespace graticule {

namespace {

std::vector<std::string> split(const std::string& text, char separator) {
    std::vector<std::string> parts;
    std::string part;
    std::istringstream stream(text);
    while (std::getline(stream, part, separator)) parts.push_back(part);
    if (text.empty() || text.back() == separator) parts.emplace_back();
    return parts;
}

std::string format_names() {
    std::string names;
    for (const QuantFormat& format : all_formats()) names += (names.empty() ? "" : ", ") + std::string(format.name);
    for (const BlockFormat& format : all_block_formats()) names += ", " + std::string(format.name);
    return names;
}

std::string coding_names() {
    std::string names;
    for (const CodingRow& coding : all_codings()) names += (names.empty() ? "" : " ") + std::string(coding.name);
    return names;
}

[[noreturn]] void fail(const std::string& term, const std::string& problem) {
    throw Error(ErrorKind::bad_input, "recipe term \"" + term + "\": " + problem);
}

/// What is meant where a part is left out: weights asymmetric per output channel (tables: symmetric), everything else
/// symmetric per token, values asymmetric per head channel as in Lee et al. 2023, A.1.
TensorScheme default_scheme(Operand operand, const QuantFormat& format) {
    TensorScheme scheme;
    scheme.format = &format;
    const bool like_weight = operand == Operand::weight || operand == Operand::value;
    scheme.symmetric = !(like_weight && format.allows_asymmetric);
    scheme.levels = {{{like_weight ? Granularity::Kind::channel : Granularity::Kind::token, 0}}};
    scheme.dynamic = operand != Operand::weight;
    return scheme;
}

void check_operand(const std::string& term, Operand operand, const TensorScheme& scheme) {
    if (const std::string problem = check_operand_scheme(operand, scheme); !problem.empty()) fail(term, problem);
}

std::optional<TensorScheme> parse_tensor(const std::string& term, Operand operand, const std::string& text) {
    const std::vector<std::string> parts = split(text, '/');
    if (parts.front() == "none") {
        if (parts.size() > 1) fail(term, "\"none\" leaves the operand in full precision and takes nothing after it");
        return std::nullopt;
    }
    const BlockFormat* block = find_block_format(parts.front());
    const QuantFormat* format = find_format(block != nullptr ? block->format : std::string_view(parts.front()));
    if (format == nullptr)
        fail(term, "there is no format \"" + parts.front() + "\"; formats are " + format_names() + ", none");
    TensorScheme scheme = default_scheme(operand, *format);
    bool symmetry_given = false, levels_given = false, range_given = false, choice_given = false;
    const auto once = [&](bool& given, const std::string& part) {
        if (given) fail(term, "\"" + part + "\" comes twice or contradicts an earlier part");
        given = true;
    };
    const auto set_levels = [&](std::vector<ScaleLevel> levels, const std::string& part) {
        once(levels_given, part);
        scheme.set_levels(std::move(levels));
    };
    if (block != nullptr) set_levels(block->levels, parts.front());
    for (auto part = parts.begin() + 1; part != parts.end(); ++part) {
        if (*part == "sym" || *part == "asym" || *part == "asym:i8") {
            once(symmetry_given, *part);
            scheme.symmetric = *part == "sym";
            if (*part == "asym:i8") scheme.zero_coding = ZeroCoding::i8;
        } else if (*part == "static" || *part == "dynamic") {
            once(range_given, *part);
            if (operand == Operand::weight)
                fail(term, "\"" + *part + "\" is for inputs; weights are known beforehand: leave it out");
            scheme.dynamic = *part == "dynamic";
            // A static range is one number for all tokens, so that is what is meant unless something else is said.
            if (!scheme.dynamic && !levels_given) scheme.levels = {{{Granularity::Kind::tensor, 0}}};
        } else if (*part == "four_over_six") {
            once(choice_given, *part);
            scheme.four_over_six = true;
        } else if (!parse_levels(*part).empty()) {
            std::string grains = *part; // neighbours are levels of one scale, from fine to coarse
            while (part + 1 != parts.end() && !parse_levels(grains + "/" + *(part + 1)).empty())
                grains += "/" + *++part;
            set_levels(parse_levels(grains), grains);
        } else {
            fail(term, "\"" + *part +
                           "\" is not understood; after the format come sym or asym, who shares a scale (tensor, "
                           "channel, token, g128, dual128; stored as g128:f16 or g16:e4m3/tensor:f32, codings " +
                           coding_names() + "), four_over_six and static");
        }
    }
    check_operand(term, operand, scheme);
    return scheme;
}

/// Recipes keep raw values: what looks like a flag or a number is one, the rest is text; resolve checks the kind.
ParamValue raw_value(const std::string& text) {
    if (text == "true") return true;
    if (text == "false") return false;
    const char* end = text.data() + text.size();
    std::int64_t whole = 0;
    if (const auto read = std::from_chars(text.data(), end, whole); read.ec == std::errc() && read.ptr == end)
        return whole;
    double real = 0;
    if (const auto read = std::from_chars(text.data(), end, real); read.ec == std::errc() && read.ptr == end)
        return real;
    return text;
}

MethodStep parse_method(const std::string& term) {
    MethodStep step;
    const std::size_t colon = term.find(':');
    step.method = term.substr(0, colon);
    const bool plain = !step.method.empty() && std::all_of(step.method.begin(), step.method.end(), [](unsigned char c) {
        return std::isalnum(c) != 0 || c == '_' || c == '-';
    });
    if (!plain)
        fail(term, "this is neither an operand (w= a= q= k= v= p=) nor a method (name or name:param=value,...)");
    if (colon == std::string::npos) return step;
    for (const std::string& setting : split(term.substr(colon + 1), ',')) {
        const std::size_t equals = setting.find('=');
        if (equals == std::string::npos || equals == 0 || equals + 1 == setting.size())
            fail(term, "\"" + setting + "\" is not of the form param=value");
        const std::string name = setting.substr(0, equals);
        if (!step.params.emplace(name, raw_value(setting.substr(equals + 1))).second)
            fail(term, "parameter " + name + " is set twice");
    }
    return step;
}

/// What no operand's levels may be.
std::string check_scale_levels(Operand operand, const TensorScheme& scheme) {
    using Kind = Granularity::Kind;
    const auto& levels = scheme.levels;
    const Kind kind = scheme.grain().kind;
    if (levels.size() > 2) return "scales have one level or two, as in g16:e4m3/tensor:f32";
    if (levels.size() == 2) {
        const Kind coarse = levels[1].grain.kind;
        const std::string text = to_text(levels);
        if (levels[0].coding == Coding::f32)
            return text + ": float32 scales need no coarser ones; give one of the two, or store the fine ones "
                          "smaller, as in g16:e4m3/tensor:f32";
        const bool rows = coarse == Kind::channel || coarse == Kind::token;
        const auto whole_groups = [&] { // only a group has a size to divide by
            return coarse == Kind::group && levels[1].grain.group_size % levels[0].grain.group_size == 0;
        };
        const bool above = kind == Kind::group
                               ? coarse == Kind::tensor || rows || whole_groups()
                               : (kind == Kind::channel || kind == Kind::token) && coarse == Kind::tensor;
        if (!above || (operand != Operand::weight && coarse == Kind::channel))
            return text + ": a coarse level is made of whole blocks of the fine one, which comes first; use gN under " +
                   (operand == Operand::weight ? "channel or tensor" : "token or tensor");
        if (levels[1].coding == Coding::i8) return text + ": a coarse scale needs a float coding; use f32, f16 or bf16";
    }
    if (levels.front().coding == Coding::i8 && !is_dual_grain(levels))
        return "i8 scales are whole multiples of a channel's scale (DGQ); use dualN, or dualN:f16, with int4/asym";
    if (!scheme.symmetric)
        for (const ScaleLevel& level : levels)
            if (level.coding == Coding::e8m0)
                return "scales that are shared exponents (e8m0) have no zero point; use sym";
    if (scheme.four_over_six &&
        (scheme.format->name != "fp4_e2m1" || kind != Kind::group || levels.front().coding == Coding::e8m0))
        return "four_over_six is a choice of blocks of fp4_e2m1 with scales that can be a third apart; use it with "
               "nvfp4, or leave it out";
    return {};
}

} // namespace

std::string check_operand_scheme(Operand operand, const TensorScheme& scheme) {
    using Kind = Granularity::Kind;
    const Kind kind = scheme.grain().kind;
    if (!scheme.symmetric && !scheme.format->allows_asymmetric)
        return std::string(scheme.format->name) + " has no zero point; use sym";
    const bool dual = is_dual_grain(scheme.levels);
    if (operand == Operand::weight) {
        for (const ScaleLevel& level : scheme.levels)
            if (level.grain.kind == Kind::token) return "weights have no tokens; use tensor, channel, gN or dualN";
        if (dual && (scheme.format->name != "int4" || scheme.symmetric))
            return "the dual grain is defined for int4/asym (DGQ, section 3.1); use int4/asym/" +
                   to_text(scheme.levels);
    } else {
        if (dual) return "the dual grain is for weights; use token, tensor or gN";
        if (!scheme.dynamic && (kind != Kind::tensor || scheme.levels.size() > 1))
            return "a static range is one for the whole tensor; use tensor/static";
        if (kind == Kind::channel && operand != Operand::value && operand != Operand::key)
            return "per channel is possible for weights, keys and values only: elsewhere the scales of an inner "
                   "product's terms would differ; use token, gN or tensor";
    }
    return check_scale_levels(operand, scheme);
}

SchemeChoice parse_scheme_line(const std::string& line) {
    SchemeChoice choice;
    std::vector<Operand> seen;
    std::istringstream terms(line);
    for (std::string term; terms >> term;) {
        if (term == "none" || term == "+") continue;
        const std::size_t equals = term.find('=');
        const auto names = operand_names();
        const auto row = std::find_if(names.begin(), names.end(), [&](const OperandName& name) {
            return equals != std::string::npos && term.substr(0, equals) == name.letter;
        });
        if (row == names.end()) {
            choice.steps.push_back(parse_method(term));
            continue;
        }
        if (std::find(seen.begin(), seen.end(), row->operand) != seen.end())
            fail(term, "operand " + std::string(row->letter) + " is given twice");
        seen.push_back(row->operand);
        choice.scheme[row->operand] = parse_tensor(term, row->operand, term.substr(equals + 1));
    }
    return choice;
}

std::string to_line(const SchemeChoice& choice) {
    std::string line = to_text(choice.scheme);
    for (const MethodStep& step : choice.steps) {
        line += (line.empty() ? "" : " ") + step.method;
        char separator = ':';
        for (const auto& [name, value] : step.params) {
            line += separator + name + "=" + to_text(value);
            separator = ',';
        }
    }
    return line.empty() ? "none" : line;
}

namespace {
// The rest is counted.
template <class Item, class Name>
std::string first_few(const std::vector<Item>& items, Name name) {
    constexpr std::size_t most = 3;
    std::string text;
    for (std::size_t i = 0; i < std::min(most, items.size()); ++i) text += (i == 0 ? "" : ", ") + name(items[i]);
    return items.size() > most ? text + " and " + std::to_string(items.size() - most) + " more" : text;
}
} // namespace

std::string rule_names(const Recipe& recipe) {
    return first_few(recipe.rules,
                     [](const Rule& rule) { return rule.regex ? "/" + rule.pattern + "/" : rule.pattern; });
}

namespace {
/// What a rule says otherwise than `defaults`: what is as there goes without saying.
std::string changed_terms(const SchemeChoice& choice, const SchemeChoice& defaults) {
    if (choice == SchemeChoice{} || defaults == SchemeChoice{}) return to_line(choice);
    const auto terms_of = [](const SchemeChoice& of) {
        std::istringstream line(to_line(of));
        return std::vector<std::string>(std::istream_iterator<std::string>(line), {});
    };
    const auto key = [](const std::string& term) { return term.substr(0, term.find_first_of("=:")); };
    const std::vector<std::string> there = terms_of(defaults), here = terms_of(choice);
    std::string text;
    const auto add = [&text](const std::string& more) { text += (text.empty() ? "" : " ") + more; };
    for (const std::string& term : here)
        if (std::ranges::find(there, term) == there.end()) add(term);
    for (const std::string& term : there)
        if (std::ranges::none_of(here, [&](const std::string& other) { return key(other) == key(term); }))
            add("without " + term);
    return text.empty() ? to_line(choice) : text;
}
} // namespace

std::string summary_line(const Recipe& recipe) {
    std::string line = to_line(recipe.defaults);
    if (recipe.rules.size() == 1)
        line += " + " + rule_names(recipe) + " => " + changed_terms(recipe.rules.front().choice, recipe.defaults);
    else if (!recipe.rules.empty())
        line += " + rules for " + rule_names(recipe);
    if (!recipe.ignore.empty())
        line += ", without " + first_few(recipe.ignore, [](const std::string& pattern) { return pattern; });
    return line;
}

} // namespace graticule
