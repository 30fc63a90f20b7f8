#include "widgets/models/run_table_model.h"

#include <QtGui/QFont>

#include "widgets/models/number_text.h"
#include "widgets/models/shorter_names.h"
#include "widgets/models/table_text.h"

namespace graticule {

RunTableModel::RunTableModel(QObject* parent)
    : ColumnTable(
          {{tr("recipe"), tr("What was evaluated, in one line"), true},
           {tr("bits"),
            tr("Stored bits a weight, scales and zero points included; after the stroke: bits of the inputs")},
           {tr("size"), tr("Whole model as stored")},
           {tr("perplexity so far"), tr("Running perplexity after each window")},
           {tr("PPL"), tr("Perplexity: exp of the mean cross entropy over windows, ± one standard error")},
           {tr("Δ paired"), tr("Paired difference to the baseline over the same windows, with its 95 % interval")},
           {tr("Δ %"), tr("The difference in percent of the baseline's perplexity")},
           {tr("state"), tr("Where the run stands"), true},
           {tr("protocol"), tr("Text, windows × tokens: only runs of one protocol are compared; each has its baseline"),
            true}},
          parent) {}

bool RunTableModel::sameThing(const RunRow& a, const RunRow& b) const { return a.id == b.id; }

// While a run goes on its name stays what it is: two hundred are not held against each other for each of its windows.
void RunTableModel::rowsReplaced() {
    std::vector<QString> names, groups;
    for (const RunRow& row : rows()) {
        names.push_back(row.name);
        groups.push_back(row.group);
    }
    if (names != names_) {
        shorter_names_ = shorter_names(names);
        telling_names_ = telling_names(names);
    }
    if (groups != groups_) shorter_groups_ = shorter_lists(groups);
    names_ = std::move(names);
    groups_ = std::move(groups);
}

bool RunTableModel::sameCell(const RunRow& before, const RunRow& now, int column) const {
    const auto same = [&](auto... fields) { return ((before.*fields == now.*fields) && ...); };
    switch (column) {
    case Recipe:
        return same(&RunRow::name, &RunRow::colour);
    case Bits:
        return same(&RunRow::weight_bits, &RunRow::input_bits);
    case Size:
        return same(&RunRow::bytes);
    case Curve:
        return same(&RunRow::curve, &RunRow::colour);
    case Perplexity:
        return same(&RunRow::perplexity, &RunRow::standard_error, &RunRow::state, &RunRow::meaningless);
    case Difference:
    case Percent:
        return same(&RunRow::baseline, &RunRow::not_comparable, &RunRow::difference, &RunRow::difference_low,
                    &RunRow::difference_high, &RunRow::percent, &RunRow::significant);
    case StateColumn:
        return same(&RunRow::state, &RunRow::meaningless, &RunRow::share_done, &RunRow::stopped_at, &RunRow::windows,
                    &RunRow::in_another_window, &RunRow::quantized, &RunRow::to_quantize);
    case Protocol:
        return same(&RunRow::group);
    default:
        return false;
    }
}

QString RunTableModel::text(const RunRow& row, int column) const {
    switch (column) {
    case Recipe:
        return row.name;
    case Bits:
        return bits_text(row.weight_bits, row.input_bits);
    case Size:
        return bytes_text(row.bytes);
    case Perplexity:
        if (!row.perplexity) return {};
        return row.standard_error
                   ? tr("%1 ± %2").arg(fixed_text(*row.perplexity, 2), fixed_text(*row.standard_error, 2))
                   : fixed_text(*row.perplexity, 2);
    case Difference:
        if (row.baseline) return tr("baseline");
        if (!row.not_comparable.isEmpty()) return tr("not comparable");
        if (!row.difference) return {};
        return row.difference_low ? tr("%1  [%2, %3]")
                                        .arg(signed_text(*row.difference, 2), signed_text(*row.difference_low, 2),
                                             signed_text(*row.difference_high, 2))
                                  : signed_text(*row.difference, 2);
    case Percent:
        return row.percent && !row.baseline ? signed_text(*row.percent, 1) + QStringLiteral(" %") : QString();
    case StateColumn:
        switch (row.state) {
        case JobState::waiting:
            return tr("waiting");
        case JobState::running:
            return tr("%1 %").arg(static_cast<int>(row.share_done * 100));
        case JobState::done:
            return row.meaningless.isEmpty() ? tr("done") : tr("means nothing");
        case JobState::cancelled:
        case JobState::skipped:
            if (row.in_another_window) return tr("in another window");
            if (row.stopped_at > 0) return tr("stopped %1/%2").arg(row.stopped_at).arg(row.windows);
            return row.quantized > 0 ? tr("quantized %1/%2").arg(row.quantized).arg(row.to_quantize) : tr("not begun");
        case JobState::failed:
            return tr("failed");
        }
        return {};
    case Protocol:
        return row.group;
    default:
        return {};
    }
}

// Words are as wide as their letters are; of figures, which have one notation, the one with the most letters.
QStringList RunTableModel::widest(int column, bool telling) const {
    QStringList texts;
    for (std::size_t at = 0; at < rows().size(); ++at) {
        const QString whole = text(rows()[at], column);
        if (column == Recipe)
            texts << (telling ? telling_names_[at] : whole);
        else if (column == Protocol)
            texts << (telling ? shorter_groups_[at].back() : whole);
        else if (texts.isEmpty() || whole.size() > texts.front().size())
            texts = {whole};
    }
    return texts;
}

QVariant RunTableModel::number(const RunRow& row, int column) const {
    switch (column) {
    case Bits:
        return row.weight_bits;
    case Size:
        return QVariant::fromValue<qlonglong>(row.bytes);
    case Perplexity:
        return cell(row.perplexity);
    case Difference:
        return cell(row.difference);
    case Percent:
        return cell(row.percent);
    default:
        return text(row, column);
    }
}

QString RunTableModel::tip(const RunRow& row, int column) const {
    switch (column) {
    case Recipe:
        return row.recipe;
    case Bits:
        return tr("Ideal, with float32 scales in 16 bits as papers count: %1")
            .arg(bits_text(row.ideal_bits, row.input_bits));
    case Perplexity:
        if (row.stopped() && row.stopped_at > 0)
            return tr("%1\nof its first %2 of %3 windows alone").arg(row.protocol).arg(row.stopped_at).arg(row.windows);
        if (!row.meaningless.isEmpty()) return row.meaningless;
        return tr("%1\n± one standard error over windows").arg(row.protocol);
    case Difference:
        if (!row.not_comparable.isEmpty()) return row.not_comparable;
        return tr("Paired difference in perplexity to the baseline over the same windows, with its 95 % interval.%1")
            .arg(row.difference && !row.significant ? tr("\nThe interval contains 0: not significant.") : QString());
    case StateColumn:
        if (row.in_another_window)
            return tr("Another window of the program works on it; what it finds is read from there");
        if (!row.meaningless.isEmpty()) return row.meaningless;
        if (row.state == JobState::failed || !row.stopped()) return row.error;
        if (row.stopped_at > 0)
            return tr("Continue (right click, or the Run menu) goes on after window %1, to the same figures")
                .arg(row.stopped_at);
        return row.quantized > 0
                   ? tr("Stopped before its first window. Continue (right click, or the Run menu) goes on "
                        "behind the %1 linears that are quantized; their inputs have to pass through them "
                        "once more where its method looks at them.")
                         .arg(row.quantized)
                   : tr("Asked for, and stopped before its first window. Continue (right click, or the "
                        "Run menu) begins it.");
    case Protocol:
        return row.protocol;
    default:
        return {};
    }
}

int RunTableModel::tone(const RunRow& row, int column) {
    if (column == StateColumn) {
        if (row.state == JobState::failed || !row.meaningless.isEmpty()) return Worse;
        if (row.state == JobState::done) return Good;
        return Faint;
    }
    // Of some windows, or of nothing: no figure to hold others against.
    if (column == Perplexity && (row.stopped() || !row.meaningless.isEmpty())) return Faint;
    if (column == Difference || column == Percent) {
        if (row.stopped()) return Faint;
        if (row.baseline || !row.not_comparable.isEmpty() || !row.difference || !row.significant) return Faint;
        return *row.difference < 0 ? Good : Worse;
    }
    return Plain;
}

QVariant RunTableModel::data(const QModelIndex& index, int role) const {
    if (!checkIndex(index, CheckIndexOption::IndexIsValid)) return {};
    const RunRow& row = this->row(index);
    const int column = index.column();
    switch (role) {
    case Qt::DisplayRole:
        return text(row, column);
    case SortRole:
        return number(row, column);
    case ExportRole:
        return column == Curve ? QVariant(QString()) : number(row, column);
    case RunRole:
        return row.id;
    case ColourRole:
        return column == Recipe || column == Curve ? QVariant(row.colour) : QVariant();
    case CurveRole:
        return column == Curve ? QVariant::fromValue(QList<double>(row.curve.begin(), row.curve.end())) : QVariant();
    case ProgressRole:
        return column == StateColumn && row.state == JobState::running ? QVariant(row.share_done) : QVariant();
    case ToneRole:
        return tone(row, column);
    case ShorterRole: {
        const auto at = static_cast<std::size_t>(index.row());
        return column == Recipe     ? QVariant(shorter_names_[at])
               : column == Protocol ? QVariant(shorter_groups_[at])
                                    : QVariant();
    }
    case Qt::ToolTipRole:
        return tip(row, column);
    case Qt::FontRole: {
        if (column != Perplexity || row.stopped() || !row.meaningless.isEmpty()) return {};
        QFont bold;
        bold.setWeight(QFont::DemiBold);
        return bold;
    }
    case Qt::TextAlignmentRole:
        return alignment(column);
    default:
        return {};
    }
}

} // namespace graticule
