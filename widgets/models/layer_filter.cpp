#include "widgets/models/layer_filter.h"

#include <QtCore/QRegularExpression>
#include <algorithm>
#include <array>

#include "widgets/models/layer_table_model.h"

namespace graticule {

namespace {
QString tr(const char* text) { return QObject::tr(text); }

struct NumberKey {
    const char* name;
    int column;
    std::optional<double> (*of)(const LayerRow&);
};
// The columns that have numbers, under the names a person would try.
constexpr std::array<NumberKey, 9> number_keys{{
    {"max", LayerTableModel::AbsMax, [](const LayerRow& row) { return row.absmax; }},
    {"outlier", LayerTableModel::Outlier, [](const LayerRow& row) { return row.outlier_ratio; }},
    {"underflow", LayerTableModel::Underflow, [](const LayerRow& row) { return row.underflow_percent; }},
    {"sqnr", LayerTableModel::Sqnr, [](const LayerRow& row) { return row.sqnr_db; }},
    {"block", LayerTableModel::Block, [](const LayerRow& row) { return std::optional<double>(row.block); }},
    {"bytes", LayerTableModel::Bytes,
     [](const LayerRow& row) {
         return std::optional<double>(double(row.bytes_after ? row.bytes_after : row.bytes_before));
     }},
    {"rows", LayerTableModel::ShapeColumn, [](const LayerRow& row) { return std::optional<double>(double(row.rows)); }},
    {"columns", LayerTableModel::ShapeColumn,
     [](const LayerRow& row) { return std::optional<double>(double(row.columns)); }},
    {"edited", LayerTableModel::Scheme, [](const LayerRow& row) { return std::optional<double>(row.edited ? 1 : 0); }},
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
        return row.schemes.value(0).contains(term.text, Qt::CaseInsensitive) ||
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

// Where the term's own letters stand in the name. Of a pattern these are its plain parts, in their order.
QList<QPoint> LayerFilter::in_name(const Term& term, const QString& name) {
    QList<QPoint> found;
    if (term.kind == Kind::text) {
        for (qsizetype at = 0; (at = name.indexOf(term.text, at, Qt::CaseInsensitive)) >= 0; at += term.text.size())
            found.push_back({int(at), int(term.text.size())});
    } else if (term.kind == Kind::regex) {
        for (auto all = QRegularExpression(term.text).globalMatch(name); all.hasNext();) {
            const QRegularExpressionMatch match = all.next();
            found.push_back({int(match.capturedStart()), int(match.capturedLength())});
        }
    } else if (term.kind == Kind::pattern) {
        static const QRegularExpression wild(QStringLiteral("\\{[^}]*\\}|\\[[^\\]]*\\]|[*?]+"));
        qsizetype from = 0;
        for (const QString& part : term.text.split(wild, Qt::SkipEmptyParts)) {
            const qsizetype at = name.indexOf(part, from);
            if (at < 0) break;
            found.push_back({int(at), int(part.size())});
            from = at + part.size();
        }
    }
    return found;
}

int LayerFilter::column_of(const Term& term) {
    switch (term.kind) {
    case Kind::kind:
        return LayerTableModel::Kind;
    case Kind::scheme:
        return LayerTableModel::Scheme;
    case Kind::number:
        return find_key(term.text)->column;
    case Kind::text:
    case Kind::pattern:
    case Kind::regex:
        break;
    }
    return LayerTableModel::Name;
}

QList<QPoint> LayerFilter::matches(const LayerRow& row, int column, const QString& shown) const {
    QList<QPoint> found;
    if (!problem_.isEmpty() || shown.isEmpty()) return found;
    const auto leaf = int(row.name.size() - row.leaf.size());
    const auto block = int(row.name.indexOf(QStringLiteral(".%1.").arg(row.block))) + 1;
    for (const Term& term : terms_) {
        if (term.negated) continue;
        const int own = column_of(term);
        if (own == column && own != LayerTableModel::Name) found.push_back({0, int(shown.size())});
        if (own != LayerTableModel::Name) continue;
        // The table shows a name in two parts: the block's number and the last word.
        for (const QPoint& part : in_name(term, row.name)) {
            const int begin = part.x(), end = part.x() + part.y();
            if (column == LayerTableModel::Name && end > leaf)
                found.push_back({std::max(begin, leaf) - leaf, end - std::max(begin, leaf)});
            if (column == LayerTableModel::Block && block > 0 && begin <= block && end >= block + shown.size())
                found.push_back({0, int(shown.size())});
        }
    }
    return found;
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
    setDynamicSortFilter(false); // settle() does, and cheaply where the order stays
}

void LayerFilterProxy::setSourceModel(QAbstractItemModel* model) {
    QSortFilterProxyModel::setSourceModel(model);
    connect(model, &QAbstractItemModel::dataChanged, this, &LayerFilterProxy::settle);
    connect(model, &QAbstractItemModel::modelReset, this, &LayerFilterProxy::settle);
}

// During a job values change all the time, their order seldom: the base class would take every row out and put it in
// again.
void LayerFilterProxy::settle() {
    const QAbstractItemModel& source = *sourceModel();
    for (int row = 0; row < source.rowCount(); ++row)
        if (filterAcceptsRow(row, {}) != mapFromSource(source.index(row, 0)).isValid()) {
            invalidateFilter();
            break;
        }
    if (sortColumn() < 0) return;
    QModelIndex before;
    for (int row = 0; row < rowCount(); ++row) {
        const QModelIndex here = mapToSource(index(row, sortColumn()));
        const bool ascending = sortOrder() == Qt::AscendingOrder;
        if (before.isValid() && (ascending ? lessThan(here, before) : lessThan(before, here)))
            return sort(sortColumn(), sortOrder());
        before = here;
    }
}

void LayerFilterProxy::setFilterLine(const QString& line) {
    filter_ = LayerFilter::parse(line);
    invalidateFilter();
    settle(); // rows that come back are put behind the others, not in their order
}

QVariant LayerFilterProxy::data(const QModelIndex& index, int role) const {
    if (role != LayerTableModel::MatchRole || filter_.empty()) return QSortFilterProxyModel::data(index, role);
    const auto* table = qobject_cast<const LayerTableModel*>(sourceModel());
    if (!table || !index.isValid()) return {};
    const QList<QPoint> found = filter_.matches(table->rows()[static_cast<std::size_t>(mapToSource(index).row())],
                                                index.column(), index.data().toString());
    return found.isEmpty() ? QVariant() : QVariant::fromValue(found);
}

bool LayerFilterProxy::filterAcceptsRow(int row, const QModelIndex&) const {
    const auto* table = qobject_cast<const LayerTableModel*>(sourceModel());
    return table && filter_.accepts(table->rows()[static_cast<std::size_t>(row)]);
}

bool LayerFilterProxy::lessThan(const QModelIndex& left, const QModelIndex& right) const {
    const bool ascending = sortOrder() == Qt::AscendingOrder;
    const auto& rows = static_cast<const LayerTableModel*>(sourceModel())->rows();
    const auto row_of = [&](const QModelIndex& cell) -> const LayerRow& {
        return rows[static_cast<std::size_t>(cell.row())];
    };
    if (LayerTableModel::isWords(left.column())) {
        const int order = QString::compare(LayerTableModel::words(row_of(left), left.column()),
                                           LayerTableModel::words(row_of(right), left.column()));
        return order != 0 ? order < 0 : (left.row() < right.row()) == ascending;
    }
    const auto a = LayerTableModel::figure(row_of(left), left.column()),
               b = LayerTableModel::figure(row_of(right), left.column());
    // What is not known yet goes last in either order; equal values keep the order of the model.
    if (a.has_value() != b.has_value()) return a.has_value() == ascending;
    return a != b ? *a < *b : (left.row() < right.row()) == ascending;
}

} // namespace graticule
