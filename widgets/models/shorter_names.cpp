#include "widgets/models/shorter_names.h"

#include <algorithm>
#include <map>
#include <set>

namespace graticule {

namespace {
const QString dots = QStringLiteral("…");
const QString between_attributes = QStringLiteral(" · "), comma = QStringLiteral(", ");

struct Word {
    QString before, text; ///< what stands between it and the word before
    QString key;          ///< the same in every name that says the same
};

// "w=int4/asym" are "w=int4" and "asym" of w: that the inputs are asym as well is another word.
void add_scheme_words(std::vector<Word>& words, const QString& part) {
    QString of;
    for (qsizetype from = 0; from < part.size();) {
        qsizetype to = from;
        while (to < part.size() && part[to] != u' ' && part[to] != u'/') ++to;
        const QString text = part.mid(from, to - from);
        if (const qsizetype sign = text.indexOf(u'='); sign > 0) of = text.left(sign);
        words.push_back({from > 0 ? part.mid(from - 1, 1) : QString(), text, of + u':' + text});
        from = to + 1;
    }
}

std::vector<Word> words_of(const QString& name) {
    std::vector<Word> words;
    for (const QString& attribute : name.split(between_attributes)) {
        if (words.empty() && attribute.contains(u'=')) {
            add_scheme_words(words, attribute);
            continue;
        }
        QString before = words.empty() ? QString() : between_attributes;
        for (const QString& part : attribute.split(comma)) {
            words.push_back({before, part, words.empty() ? part : between_attributes + part});
            before = comma;
        }
    }
    return words;
}

QString joined(const std::vector<Word>& words, const std::set<std::size_t>& left_out) {
    QString text;
    for (std::size_t i = 0; i < words.size(); ++i) {
        if (!left_out.contains(i))
            text += words[i].before + words[i].text;
        else if (i == 0 || !left_out.contains(i - 1))
            text += words[i].before + dots;
    }
    return text;
}

/// Words that all of `names` have that could: of schemes all recipes, of attributes those that have some. None where
/// there are not two such names.
std::set<QString> common_words(const std::set<QString>& names) {
    std::map<QString, std::size_t> count;
    std::size_t recipes = 0, with_attributes = 0;
    for (const QString& name : names) {
        recipes += name.contains(u'=') ? 1 : 0;
        with_attributes += name.contains(between_attributes) ? 1 : 0;
        std::set<QString> once;
        for (const Word& word : words_of(name)) once.insert(word.key);
        for (const QString& key : once) ++count[key];
    }
    std::set<QString> common;
    for (const auto& [key, times] : count) {
        const std::size_t all = key.startsWith(between_attributes) ? with_attributes : recipes;
        if (all > 1 && times == all) common.insert(key);
    }
    return common;
}
} // namespace

std::vector<QStringList> shorter_names(const std::vector<QString>& names) {
    const std::set<QString> common = common_words({names.begin(), names.end()});
    std::vector<QStringList> all;
    for (const QString& name : names) {
        QStringList& texts = all.emplace_back(QStringList{name});
        const std::vector<Word> words = words_of(name);
        std::set<std::size_t> left_out;
        for (std::size_t i = words.size(); i-- > 0;) {
            if (!common.contains(words[i].key)) continue;
            left_out.insert(i);
            texts << joined(words, left_out);
        }
    }
    return all;
}

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

} // namespace graticule
