#include "widgets/models/shorter_names.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <numeric>
#include <set>
#include <tuple>

#include "widgets/models/number_text.h"

namespace graticule {

namespace {
const QString dots = QStringLiteral("…");
const QString between_attributes = QStringLiteral(" · "), comma = QStringLiteral(", ");
const QString between_rules = QStringLiteral(" + "), becomes = QStringLiteral(" => ");

struct Word {
    QString before, text; ///< what stands between it and the word before
    QString key;          ///< the same in every name that says the same
    QString part;         ///< of a recipe: "w", "a", a method; its words stand together
    bool first = false;   ///< of its part
    bool recipe() const { return !part.isEmpty(); }
};
using Words = std::vector<Word>;

/// "w" of "w=int4", "smoothquant" of "smoothquant:alpha=0.5".
QString part_of(const QString& word) {
    qsizetype at = 0;
    while (at < word.size() && word[at] != u'=' && word[at] != u':') ++at;
    return word.left(at);
}

// "w=int4/asym" are "w=int4" and "asym" of w: that the inputs are asym as well is another word. `of`: what the scheme is
// of, where not of all layers.
void add_scheme_words(Words& words, const QString& line, const QString& before, const QString& of) {
    QString part;
    for (qsizetype from = 0; from < line.size();) {
        const bool first = from == 0 || line[from - 1] == u' ';
        qsizetype to = from;
        while (to < line.size() && line[to] != u' ' && line[to] != u'/') ++to;
        const QString text = line.mid(from, to - from);
        if (first) part = of + part_of(text);
        words.push_back({from > 0 ? line.mid(from - 1, 1) : before, text, part + u'/' + text, part, first});
        from = to + 1;
    }
}

// "w=int4/asym + *.v_proj => w=int8 + 3 rules": the scheme, then its rules.
void add_recipe_words(Words& words, const QString& recipe) {
    const QStringList parts = recipe.split(between_rules);
    add_scheme_words(words, parts.front(), {}, {});
    for (const QString& rule : parts.mid(1)) {
        const QString pattern = rule.section(becomes, 0, 0), scheme = rule.section(becomes, 1);
        words.push_back({between_rules, pattern, between_rules + pattern, between_rules + pattern, true});
        if (!scheme.isEmpty()) add_scheme_words(words, scheme, becomes, between_rules + pattern + u' ');
    }
}

Words words_of(const QString& name) {
    Words words;
    for (const QString& attribute : name.split(between_attributes)) {
        if (words.empty() && attribute.indexOf(u'=') == 1) { // "w=", "a=": an operand
            add_recipe_words(words, attribute);
            continue;
        }
        QString before = words.empty() ? QString() : between_attributes;
        for (const QString& part : attribute.split(comma)) {
            words.push_back({before, part, words.empty() ? part : between_attributes + part, {}});
            before = comma;
        }
    }
    return words;
}

bool has_part(const Words& words, const QString& part) {
    return std::ranges::any_of(words, [&](const Word& word) { return word.part == part; });
}

/// A recipe whose inputs stay as they are says nothing of them; beside others that round theirs this is what tells it.
void say_unrounded_inputs(std::vector<Words>& names) {
    const QString inputs = QStringLiteral("a");
    if (std::ranges::none_of(names, [&](const Words& words) { return has_part(words, inputs); })) return;
    for (Words& words : names) {
        if (words.empty() || words.front().part != u"w" || has_part(words, inputs)) continue;
        const auto behind = std::ranges::find_if(words, [](const Word& word) { return word.part != u"w"; });
        const QString none = QStringLiteral("a=none");
        words.insert(behind, {QStringLiteral(" "), none, inputs + u'/' + none, inputs, true});
    }
}

QString joined(const Words& words, const std::set<QString>& left_out) {
    QString text;
    bool cut = false;
    for (std::size_t i = 0; i < words.size(); ++i) {
        const bool out = i > 0 && left_out.contains(words[i].key); // of the first word the rest is known
        if (!out)
            text += words[i].before + words[i].text;
        else if (!cut || words[i].before == between_attributes)
            text += words[i].before + dots;
        cut = out;
    }
    return text;
}

/// Which words may go, one after the other, so that each name keeps at least one that each of the others lacks: what
/// all say first, its end before its beginning, then what most say. In sets of bits: two hundred names are held against
/// each other whenever one is added.
class Shortening {
public:
    explicit Shortening(const std::vector<Words>& names)
        : names_(names) {
        std::size_t recipes = 0, with_attributes = 0;
        for (const Words& words : names_) {
            recipes += words.front().recipe() ? 1 : 0;
            with_attributes += words.back().key.startsWith(between_attributes) ? 1 : 0;
            std::set<QString> once; // a name may say a word twice
            for (std::size_t i = 0; i < words.size(); ++i) {
                const auto [number, is_new] = numbers_.try_emplace(words[i].key, keys_.size());
                if (is_new) keys_.emplace_back();
                Key& key = keys_[number->second];
                key.text = words[i].key;
                key.times += once.insert(key.text).second ? 1 : 0;
                key.place = std::max(key.place, i);
                key.opens = key.opens || words[i].first;
            }
        }
        for (Key& key : keys_) {
            const std::size_t all = key.text.startsWith(between_attributes) ? with_attributes : recipes;
            key.common = all > 1 && key.times == all;
        }
        kept_ = recipe_ = Bits(keys_.size());
        for (std::size_t key = 0; key < keys_.size(); ++key) kept_.set(key, true);
        for (const Words& words : names_) {
            Bits& bits = said_.emplace_back(keys_.size());
            for (const Word& word : words) {
                bits.set(numbers_.at(word.key), true);
                if (word.recipe()) recipe_.set(numbers_.at(word.key), true);
            }
        }
    }

    struct Going {
        QString key;
        bool common; ///< all names say it
    };
    /// In the order in which they go.
    std::vector<Going> order() {
        std::vector<std::size_t> wanted(keys_.size());
        std::iota(wanted.begin(), wanted.end(), std::size_t(0));
        const auto rank = [&](std::size_t at) {
            const Key& key = keys_[at];
            return std::tuple(!key.common, key.common ? 0 : -std::ptrdiff_t(key.times), -std::ptrdiff_t(key.place),
                              key.text);
        };
        std::ranges::sort(wanted, {}, rank);
        std::vector<Going> gone;
        for (const std::size_t key : wanted) {
            kept_.set(key, false);
            if (may_go(key))
                gone.push_back({keys_[key].text, keys_[key].common});
            else
                kept_.set(key, true);
        }
        return gone;
    }

private:
    struct Key {
        QString text;
        std::size_t times = 0, place = 0;
        bool common = false, opens = false; ///< a part
    };
    struct Bits {
        std::vector<std::uint64_t> words;
        explicit Bits(std::size_t size = 0)
            : words((size + 63) / 64) {}
        [[nodiscard]] bool has(std::size_t at) const { return words[at / 64] >> at % 64 & 1; }
        void set(std::size_t at, bool on) {
            const std::uint64_t bit = std::uint64_t(1) << at % 64;
            words[at / 64] = on ? words[at / 64] | bit : words[at / 64] & ~bit;
        }
    };

    [[nodiscard]] bool may_go(std::size_t going) const {
        if (keys_[going].common && !keys_[going].opens) return true; // it tells nothing apart
        for (std::size_t i = 0; i < names_.size(); ++i) {
            if (!said_[i].has(going) || numbers_.at(names_[i].front().key) == going) continue;
            if (heads_others(names_[i], going)) return false;
            for (std::size_t j = 0; j < names_.size(); ++j)
                if (j != i && could_be_told_from(i, j) && !told_from(i, j)) return false;
        }
        return true;
    }

    /// "…/token" alone would be read as the weights'.
    [[nodiscard]] bool heads_others(const Words& words, std::size_t going) const {
        const auto at = std::ranges::find(words, keys_[going].text, &Word::key);
        return at->first && std::ranges::any_of(words, [&](const Word& word) {
                   return word.part == at->part && !word.first && kept_.has(numbers_.at(word.key));
               });
    }

    /// Whether name `i` has a word that name `j` has not; one of its recipe where recipes differ.
    [[nodiscard]] bool could_be_told_from(std::size_t i, std::size_t j) const {
        return differs(i, j, [](std::size_t) { return ~std::uint64_t(0); });
    }
    [[nodiscard]] bool told_by_recipe(std::size_t i, std::size_t j) const {
        return differs(i, j, [this](std::size_t at) { return recipe_.words[at]; });
    }
    /// Whether it still has one.
    [[nodiscard]] bool told_from(std::size_t i, std::size_t j) const {
        if (!said_[j].has(numbers_.at(names_[i].front().key))) return true; // which stays
        if (told_by_recipe(i, j))
            return differs(i, j, [this](std::size_t at) { return kept_.words[at] & recipe_.words[at]; });
        return differs(i, j, [this](std::size_t at) { return kept_.words[at]; });
    }
    template <class Among>
    [[nodiscard]] bool differs(std::size_t i, std::size_t j, Among among) const {
        const Bits &mine = said_[i], &others = said_[j];
        for (std::size_t at = 0; at < mine.words.size(); ++at)
            if (mine.words[at] & ~others.words[at] & among(at)) return true;
        return false;
    }

    const std::vector<Words>& names_;
    std::map<QString, std::size_t> numbers_;
    std::vector<Key> keys_;
    std::vector<Bits> said_; ///< by each name
    Bits kept_, recipe_;
};
} // namespace

namespace {
struct Shorter {
    std::vector<QStringList> names;
    std::vector<QString> telling;
};

Shorter find_shorter_names(const std::vector<QString>& names) {
    const std::set<QString> different(names.begin(), names.end());
    std::vector<Words> words;
    for (const QString& name : different) words.push_back(words_of(name));
    say_unrounded_inputs(words);
    const std::vector<Shortening::Going> order = Shortening(words).order();
    std::map<QString, std::pair<QStringList, QString>> found;
    for (std::size_t i = 0; const QString& name : different) {
        const Words& of = words[i++];
        auto& [texts, telling] = found[name];
        texts = {name};
        telling = name;
        std::set<QString> left_out;
        for (const Shortening::Going& going : order) {
            left_out.insert(going.key);
            const bool has =
                std::any_of(of.begin() + 1, of.end(), [&](const Word& word) { return word.key == going.key; });
            if (!has) continue;
            if (const QString text = joined(of, left_out); text != texts.back()) texts << text;
            if (going.common) telling = texts.back();
        }
    }
    Shorter all;
    for (const QString& name : names) {
        all.names.push_back(found[name].first);
        all.telling.push_back(found[name].second);
    }
    return all;
}

// Tables, boxes and plots ask for the same names again and again, plots at every step of a zoom.
const Shorter& shorter_of(const std::vector<QString>& names) {
    struct Found {
        std::vector<QString> names;
        Shorter shorter;
    };
    thread_local std::array<Found, 4> found;
    thread_local std::size_t next = 0;
    for (const Found& one : found)
        if (one.names == names) return one.shorter;
    Found& kept = found[next++ % found.size()];
    kept = {names, find_shorter_names(names)};
    return kept.shorter;
}
} // namespace

std::vector<QStringList> shorter_names(const std::vector<QString>& names) { return shorter_of(names).names; }
std::vector<QString> telling_names(const std::vector<QString>& names) { return shorter_of(names).telling; }

std::vector<QStringList> shorter_lists(const std::vector<QString>& texts) {
    std::vector<QStringList> parts;
    for (const QString& text : std::set<QString>(texts.begin(), texts.end())) parts.push_back(text.split(comma));
    qsizetype alike = 0; // and at least one part is left of each
    const auto all_have = [&](qsizetype at) {
        return parts.size() > 1 && std::ranges::all_of(parts, [&](const QStringList& of) {
                   return at + 1 < of.size() && of[at] == parts.front()[at];
               });
    };
    while (all_have(alike)) ++alike;
    std::vector<QStringList> all;
    for (const QString& text : texts) {
        QStringList& shorter = all.emplace_back(QStringList{text});
        if (alike > 0) shorter << dots + comma + text.split(comma).mid(alike).join(comma);
    }
    return all;
}

QStringList names_within(const std::vector<QString>& names, int letters) {
    QStringList all;
    for (const QStringList& texts : shorter_names(names))
        all << elided_middle(first_that_fits(texts, letters, [](const QString& text) { return double(text.size()); }),
                             letters);
    return all;
}

} // namespace graticule
