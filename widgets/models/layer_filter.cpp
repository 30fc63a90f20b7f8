#include "widgets/models/layer_filter.h"

#include <QtCore/QRegularExpression>
#include <array>

#include "widgets/models/layer_table_model.h"

namespace graticule {

namespace {
QString tr(const char* text) { return QObject::tr(text); }

struct NumberKey {
    const char* name;
    std::optional<double> (*of)(const LayerRow&);
};
// The columns that have numbers, under the names a person would try.
constexpr std::array<NumberKey, 9> number_keys{{
    {"max", [](const LayerRow& row) { return row.absmax; }},
    {"outlier", [](const LayerRow& row) { return row.outlier_ratio; }},
    {"underflow", [](const LayerRow& row) { return row.underflow_percent; }},
    {"sqnr", [](const LayerRow& row) { return row.sqnr_db; }},
    {"block", [](const LayerRow& row) { return std::optional<double>(row.block); }},
    {"bytes",
     [](const LayerRow& row) {
         return std::optional<double>(double(row.bytes_after ? row.bytes_after : row.bytes_before));
     }},
    {"rows", [](const LayerRow& row) { return std::optional<double>(double(row.rows)); }},
    {"columns", [](const LayerRow& row) { return std::optional<double>(double(row.columns)); }},
    {"edited", [](const LayerRow& row) { return std::optional<double>(row.edited ? 1 : 0); }},
}};

const NumberKey* find_key(const QString& name) {
    for (const NumberKey& key : number_keys)
        if (name == QLatin1String(key.name)) return &key;
    return nullptr;
}

bool is_glob(const QString& text) { return text.contains(u'*') || text.contains(u'?') || text.contains(u'['); }

bool glob_matches(const QString& pattern, const QString& text) {
    const auto expression =
        QRegularExpression::wildcardToRegularExpression(pattern, QRegularExpression::UnanchoredWildcardConversion);
    return QRegularExpression(QStringLiteral("^(?:%1)$").arg(expression), QRegularExpression::CaseInsensitiveOption)
        .match(text)
        .hasMatch();
}
} // namespace

// Half a pattern is what there is while somebody types one.
std::optional<LayerFilter::Term> LayerFilter::pattern_term(Term term, QString& problem) {
    if (term.kind != Kind::pattern) return term;
    term.pattern.emplace(term.text.toStdString());
    if (term.pattern->problem().empty()) return term;
    problem = QString::fromStdString(term.pattern->problem());
    return std::nullopt;
}

std::optional<LayerFilter::Term> LayerFilter::parse_term(QString word, QString& problem) {
    Term term;
    if (word.startsWith(u'!') && word.size() > 1) {
        term.negated = true;
        word.remove(0, 1);
    }
    if (word.size() > 2 && word.startsWith(u'/') && word.endsWith(u'/')) {
        term.kind = Kind::regex;
        term.text = word.mid(1, word.size() - 2);
        const QRegularExpression expression(term.text);
        if (expression.isValid()) return term;
        problem = tr("%1: %2").arg(word, expression.errorString());
        return std::nullopt;
    }
    static const QRegularExpression comparison(QStringLiteral("^([a-z]+)(<=|>=|!=|<|>|=)(.*)$"));
    const auto match = comparison.match(word);
    if (!match.hasMatch()) {
        term.kind = is_glob(word) ? Kind::pattern : Kind::text;
        term.text = word;
        return pattern_term(std::move(term), problem);
    }
    const QString key = match.captured(1), sign = match.captured(2), value = match.captured(3);
    static const std::array<const char*, 6> signs{"=", "!=", "<", "<=", ">", ">="};
    for (std::size_t i = 0; i < signs.size(); ++i)
        if (sign == QLatin1String(signs[i])) term.compare = static_cast<Compare>(i);
    if (value.isEmpty()) {
        problem = tr("%1 what?").arg(word);
        return std::nullopt;
    }
    if (key == u"kind" || key == u"scheme" || key == u"name") {
        term.kind = key == u"kind" ? Kind::kind : key == u"scheme" ? Kind::scheme : Kind::pattern;
        term.text = value;
        if (term.compare == Compare::not_equal) term.negated = !term.negated;
        return pattern_term(std::move(term), problem);
    }
    bool is_number = false;
    term.kind = Kind::number;
    term.text = key;
    term.value = value.toDouble(&is_number);
    if (!find_key(key))
        problem =
            tr("no column “%1”; there are kind, scheme, name, max, outlier, underflow, sqnr, block, bytes").arg(key);
    else if (!is_number)
        problem = tr("“%1” is not a number").arg(value);
    else
        return term;
    return std::nullopt;
}

LayerFilter LayerFilter::parse(const QString& line) {
    LayerFilter filter;
    for (const QString& word : line.split(u' ', Qt::SkipEmptyParts))
        if (auto term = parse_term(word, filter.problem_)) filter.terms_.push_back(*term);
    return filter;
}

bool LayerFilter::holds(const Term& term, const LayerRow& row) {
    switch (term.kind) {
    case Kind::text:
        return row.name.contains(term.text, Qt::CaseInsensitive);
    case Kind::pattern:
        return term.pattern->matches(row.name.toStdString());
    case Kind::regex:
        return QRegularExpression(term.text).match(row.name).hasMatch();
    case Kind::kind:
        return glob_matches(term.text, row.kind) || glob_matches(term.text, row.leaf);
    case Kind::scheme:
        return row.scheme.contains(term.text, Qt::CaseInsensitive) ||
               row.scheme_line.contains(term.text, Qt::CaseInsensitive);
    case Kind::number:
        break;
    }
    const std::optional<double> number = find_key(term.text)->of(row);
    if (!number) return false;
    switch (term.compare) {
    case Compare::equal:
        return *number == term.value;
    case Compare::not_equal:
        return *number != term.value;
    case Compare::less:
        return *number < term.value;
    case Compare::less_equal:
        return *number <= term.value;
    case Compare::greater:
        return *number > term.value;
    case Compare::greater_equal:
        return *number >= term.value;
    }
    return false;
}

bool LayerFilter::accepts(const LayerRow& row) const {
    if (!problem_.isEmpty()) return false;
    for (const Term& term : terms_)
        if (holds(term, row) == term.negated) return false;
    return true;
}

std::optional<QString> LayerFilter::as_pattern() const {
    if (!problem_.isEmpty() || terms_.size() != 1 || terms_.front().negated) return std::nullopt;
    const Term& term = terms_.front();
    if (term.kind == Kind::pattern) return term.text;
    if (term.kind != Kind::text) return std::nullopt;
    const QString pattern = u'*' + term.text + u'*';
    return LayerPattern(pattern.toStdString()).problem().empty() ? std::optional(pattern) : std::nullopt;
}

LayerFilterProxy::LayerFilterProxy(QObject* parent)
    : QSortFilterProxyModel(parent) {
    setSortRole(LayerTableModel::SortRole);
}

void LayerFilterProxy::setFilterLine(const QString& line) {
    filter_ = LayerFilter::parse(line);
    invalidateFilter();
}

bool LayerFilterProxy::filterAcceptsRow(int row, const QModelIndex&) const {
    const auto* table = qobject_cast<const LayerTableModel*>(sourceModel());
    return table && filter_.accepts(table->rows()[static_cast<std::size_t>(row)]);
}

bool LayerFilterProxy::lessThan(const QModelIndex& left, const QModelIndex& right) const {
    const QVariant a = left.data(sortRole()), b = right.data(sortRole());
    // What is not known yet goes last in either order; equal values keep the order of the model.
    if (a.isValid() != b.isValid()) return a.isValid() == (sortOrder() == Qt::AscendingOrder);
    if (a == b) return (left.row() < right.row()) == (sortOrder() == Qt::AscendingOrder);
    return QSortFilterProxyModel::lessThan(left, right);
}

} // namespace graticule
