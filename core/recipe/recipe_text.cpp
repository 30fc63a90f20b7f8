#include "core/recipe/recipe_text.h"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <sstream>
#include <utility>
#include <vector>

#include "core/base/error.h"
#include "core/recipe/presets.h"

namespace graticule {

namespace {

constexpr std::string_view arrow = "=>", calibration_word = "calibration:";

std::string trimmed(const std::string& text) {
    const auto first = text.find_first_not_of(" \t\r");
    return first == std::string::npos ? std::string() : text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

/// One decision of the document, with what stands around it.
struct Entry {
    enum class Kind { defaults, calibration, rule, ignored } kind = Kind::defaults;
    std::string pattern; ///< of rules and ignored layers
    bool regex = false;
    std::string value;    ///< as typed: a scheme line, a preset's name, the settings of the calibration
    std::string before;   ///< comments and empty lines above it, with their ends of line
    std::string trailing; ///< blanks and a comment behind it
    int line = 0;

    [[nodiscard]] bool same_place(const Entry& other) const {
        return kind == other.kind && pattern == other.pattern && regex == other.regex;
    }
};

struct Document {
    std::vector<Entry> entries;
    std::string after; ///< comments below the last decision
};

[[noreturn]] void fail(int line, const std::string& problem) {
    throw Error(ErrorKind::bad_input, "line " + std::to_string(line) + ": " + problem);
}

Entry read_entry(const std::string& body, int line) {
    Entry entry;
    entry.line = line;
    if (body.starts_with(calibration_word)) {
        entry.kind = Entry::Kind::calibration;
        entry.value = trimmed(body.substr(calibration_word.size()));
        return entry;
    }
    const auto at = body.find(arrow);
    if (at == std::string::npos) {
        entry.value = body;
        return entry;
    }
    entry.pattern = trimmed(body.substr(0, at));
    entry.value = trimmed(body.substr(at + arrow.size()));
    if (entry.pattern.empty()) fail(line, "there is no pattern before =>; write *.v_proj => w=int8/sym/channel");
    if (entry.value.empty()) fail(line, "there is nothing after =>; write a scheme, or ignore");
    if (entry.pattern.size() > 1 && entry.pattern.front() == '/' && entry.pattern.back() == '/') {
        entry.regex = true;
        entry.pattern = entry.pattern.substr(1, entry.pattern.size() - 2);
    }
    entry.kind = entry.value == "ignore" ? Entry::Kind::ignored : Entry::Kind::rule;
    if (entry.kind == Entry::Kind::ignored && entry.regex)
        fail(line, "ignore takes a pattern, not a regular expression");
    return entry;
}

/// A comment begins at a # that nothing but blanks or the line's beginning precedes: a pattern may hold one.
std::size_t comment_of(const std::string& line) {
    for (std::size_t at = line.find('#'); at != std::string::npos; at = line.find('#', at + 1))
        if (at == 0 || line[at - 1] == ' ' || line[at - 1] == '\t') return at;
    return line.size();
}

Document read_document(const std::string& text) {
    Document document;
    std::istringstream lines(text);
    std::string line, before;
    for (int number = 1; std::getline(lines, line); ++number) {
        const std::string body = trimmed(line.substr(0, comment_of(line)));
        if (body.empty()) {
            before += line + "\n";
            continue;
        }
        Entry entry = read_entry(body, number);
        const auto end = line.find_last_not_of(" \t\r", comment_of(line) - 1);
        entry.trailing = comment_of(line) < line.size() ? line.substr(end + 1) : std::string();
        entry.before = std::exchange(before, {});
        document.entries.push_back(std::move(entry));
    }
    document.after = before;
    return document;
}

SchemeChoice read_choice(const Entry& entry) {
    if (const Preset* preset = find_preset(entry.value)) return recipe_of(*preset).defaults;
    try {
        return parse_scheme_line(entry.value);
    } catch (const Error& error) {
        fail(entry.line, error.info().message);
    }
}

std::int64_t read_number(const Entry& entry, const std::string& name, const std::string& value, std::int64_t least) {
    std::int64_t number = 0;
    const auto read = std::from_chars(value.data(), value.data() + value.size(), number);
    if (read.ec != std::errc() || read.ptr != value.data() + value.size() || number < least)
        fail(entry.line, name + "=" + value + ": a whole number from " + std::to_string(least) + " is expected");
    return number;
}

CalibrationSpec read_calibration(const Entry& entry) {
    CalibrationSpec spec;
    std::istringstream settings(entry.value);
    for (std::string setting; std::getline(settings, setting, ',');) {
        setting = trimmed(setting);
        const auto equals = setting.find('=');
        const std::string name = setting.substr(0, equals),
                          value = equals == std::string::npos ? std::string() : setting.substr(equals + 1);
        if (name == "samples")
            spec.samples = read_number(entry, name, value, 1);
        else if (name == "length")
            spec.length = read_number(entry, name, value, 2);
        else if (name == "seed")
            spec.seed = static_cast<std::uint64_t>(read_number(entry, name, value, 0));
        else if (name == "pick" && (value == "first" || value == "random"))
            spec.pick = value == "random" ? CalibrationSpec::Pick::random : CalibrationSpec::Pick::first;
        else if (name == "text" && !value.empty())
            spec.text = value;
        else
            fail(entry.line, "\"" + setting +
                                 "\" is no setting of the calibration; there are samples=16, length=512, pick=first or "
                                 "random, seed=0, text=FILE");
    }
    return spec;
}

Recipe read_recipe_of(const Document& document) {
    if (document.entries.empty())
        throw Error(ErrorKind::bad_input,
                    "the text is empty; write a line such as w=int4/asym/g128, a preset's name, or "
                    "none for full precision");
    Recipe recipe;
    bool defaults = false, calibration = false;
    for (const Entry& entry : document.entries) {
        switch (entry.kind) {
        case Entry::Kind::defaults:
            if (defaults) fail(entry.line, "a second line for all layers; a rule is written PATTERN => " + entry.value);
            defaults = true;
            recipe.defaults = read_choice(entry);
            break;
        case Entry::Kind::calibration:
            if (calibration) fail(entry.line, "a second calibration");
            calibration = true;
            recipe.calibration = read_calibration(entry);
            break;
        case Entry::Kind::rule:
            recipe.rules.push_back({entry.pattern, entry.regex, read_choice(entry)});
            break;
        case Entry::Kind::ignored:
            recipe.ignore.push_back(entry.pattern);
            break;
        }
    }
    return recipe;
}

std::string calibration_line(const CalibrationSpec& spec) {
    std::string line = "samples=" + std::to_string(spec.samples) + ", length=" + std::to_string(spec.length);
    if (spec.pick == CalibrationSpec::Pick::random) line += ", pick=random, seed=" + std::to_string(spec.seed);
    if (!spec.text.empty()) line += ", text=" + spec.text;
    return line;
}

std::vector<Entry> entries_of(const Recipe& recipe) {
    std::vector<Entry> entries;
    const auto add = [&](Entry::Kind kind, const std::string& pattern, bool regex, std::string value) {
        Entry entry;
        entry.kind = kind;
        entry.pattern = pattern;
        entry.regex = regex;
        entry.value = std::move(value);
        entries.push_back(std::move(entry));
    };
    add(Entry::Kind::defaults, {}, false, to_line(recipe.defaults));
    if (recipe.calibration != CalibrationSpec())
        add(Entry::Kind::calibration, {}, false, calibration_line(recipe.calibration));
    for (const Rule& rule : recipe.rules) add(Entry::Kind::rule, rule.pattern, rule.regex, to_line(rule.choice));
    for (const std::string& pattern : recipe.ignore) add(Entry::Kind::ignored, pattern, false, "ignore");
    return entries;
}

std::string written(const Entry& entry) {
    std::string line;
    if (entry.kind == Entry::Kind::calibration) line = std::string(calibration_word) + " ";
    if (!entry.pattern.empty())
        line = (entry.regex ? "/" + entry.pattern + "/" : entry.pattern) + " " + std::string(arrow) + " ";
    return entry.before + line + entry.value + entry.trailing + "\n";
}

/// Whether the typed value says what the new one does: then it stays as typed.
bool says_the_same(const Entry& typed, const Entry& wanted) {
    try {
        return typed.kind == Entry::Kind::calibration ? read_calibration(typed) == read_calibration(wanted)
                                                      : read_choice(typed) == read_choice(wanted);
    } catch (const Error&) {
        return false;
    }
}

} // namespace

std::string recipe_text(const Recipe& recipe) {
    std::string text;
    for (const Entry& entry : entries_of(recipe)) text += written(entry);
    return text;
}

Recipe parse_recipe_text(const std::string& text) { return read_recipe_of(read_document(text)); }

bool says_calibration(const std::string& text) {
    const Document document = read_document(text);
    return std::ranges::any_of(document.entries,
                               [](const Entry& entry) { return entry.kind == Entry::Kind::calibration; });
}

std::string with_recipe(const std::string& text, const Recipe& recipe) {
    Document document;
    try {
        document = read_document(text);
    } catch (const Error&) {
        return recipe_text(recipe);
    }
    std::vector<Entry> wanted = entries_of(recipe);
    std::vector<Entry> kept;
    std::vector<bool> placed(wanted.size(), false);
    std::string orphaned; // comments of what is gone go on to what follows
    for (Entry& typed : document.entries) {
        std::size_t at = 0;
        while (at < wanted.size() && (placed[at] || !wanted[at].same_place(typed))) ++at;
        if (at == wanted.size()) {
            orphaned += typed.before;
            continue;
        }
        placed[at] = true;
        if (typed.kind != Entry::Kind::ignored && !says_the_same(typed, wanted[at])) typed.value = wanted[at].value;
        typed.before = std::exchange(orphaned, {}) + typed.before;
        kept.push_back(std::move(typed));
    }
    document.after = orphaned + document.after;
    const auto place_of = [&](const Entry& entry) {
        const auto found =
            std::find_if(wanted.begin(), wanted.end(), [&](const Entry& w) { return w.same_place(entry); });
        return found - wanted.begin();
    };
    // Rules that changed places: the recipe's order decides, with each entry's comments going along.
    std::vector<std::ptrdiff_t> rules;
    for (const Entry& entry : kept)
        if (entry.kind == Entry::Kind::rule) rules.push_back(place_of(entry));
    if (!std::is_sorted(rules.begin(), rules.end()))
        std::stable_sort(kept.begin(), kept.end(),
                         [&](const Entry& a, const Entry& b) { return place_of(a) < place_of(b); });
    for (std::size_t i = 0; i < wanted.size(); ++i) { // what is new, behind what it follows in the recipe
        if (placed[i]) continue;
        auto after = kept.begin();
        for (auto entry = kept.begin(); entry != kept.end(); ++entry)
            if (place_of(*entry) < static_cast<std::ptrdiff_t>(i)) after = std::next(entry);
        kept.insert(after, wanted[i]);
    }
    std::string result;
    for (const Entry& entry : kept) result += written(entry);
    return result + document.after;
}

} // namespace graticule
