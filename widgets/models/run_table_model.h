// Runs: what was evaluated, what it costs, what it lost against the baseline.
#pragma once

#include <optional>
#include <vector>

#include "widgets/models/column_table.h"
#include "widgets/models/job_state.h"

namespace graticule {

struct RunRow {
    int id = 0;
    int colour = 0;     ///< index into the theme's run colours
    QString name;       ///< "full precision", or the recipe in one line
    QString whole_name; ///< with the protocol, where that tells it from others
    QString recipe;     ///< the name in full and the whole recipe, for the tooltip
    double weight_bits = 16, ideal_bits = 16, input_bits = 16; ///< ideal: float scales counted as 16 bits
    std::int64_t bytes = 0;
    std::vector<double> curve; ///< running perplexity after each window
    std::optional<double> perplexity, standard_error;
    bool baseline = false;
    std::optional<double> difference, difference_low, difference_high, percent;
    bool significant = false;
    QString not_comparable; ///< why there is no difference; empty: there is one, or nothing to compare with yet
    JobState state = JobState::waiting;
    double share_done = 0;
    int stopped_at = 0, windows = 0;    ///< of one that was stopped: continuing it goes on after that window
    int quantized = 0, to_quantize = 0; ///< linears of one that was stopped before its first window
    bool in_another_window = false;     ///< which is at it
    [[nodiscard]] bool stopped() const {
        return state == JobState::cancelled || state == JobState::skipped || state == JobState::failed;
    }
    [[nodiscard]] bool canGoOn() const { return stopped() && !in_another_window; }
    QString group;       ///< the protocol in few words: runs of one are compared, each group has its baseline
    bool current = true; ///< of the group that plots of many runs show
    QString protocol;    ///< in full; empty: not known yet
    QString error;
    QString meaningless; ///< why its perplexity says nothing of the model; empty: it does
    bool operator==(const RunRow&) const = default;
};

class RunTableModel final : public ColumnTable<RunRow> {
    Q_OBJECT
public:
    enum Column { Recipe, Bits, Size, Curve, Perplexity, Difference, Percent, StateColumn, Protocol, ColumnCount };
    /// ShorterRole: names and protocols as ever shorter texts, for columns without room.
    enum Role { SortRole = Qt::UserRole + 1, RunRole, ColourRole, CurveRole, ProgressRole, ToneRole, ShorterRole };
    enum Tone { Plain, Good, Worse, Faint };

    explicit RunTableModel(QObject* parent = nullptr);
    [[nodiscard]] QVariant data(const QModelIndex& index, int role = Qt::DisplayRole) const override;
    /// Texts of `column` of which one is as wide as any; `telling`: names and protocols without what all of them say.
    [[nodiscard]] QStringList widest(int column, bool telling = false) const;

protected:
    [[nodiscard]] bool sameThing(const RunRow& a, const RunRow& b) const override;
    void rowsReplaced() override;
    [[nodiscard]] bool sameCell(const RunRow& before, const RunRow& now, int column) const override;

private:
    [[nodiscard]] QString text(const RunRow& row, int column) const;
    [[nodiscard]] QVariant number(const RunRow& row, int column) const;
    [[nodiscard]] QString tip(const RunRow& row, int column) const;
    [[nodiscard]] static int tone(const RunRow& row, int column);

    std::vector<QString> names_, groups_; ///< of the rows
    std::vector<QStringList> shorter_names_, shorter_groups_;
    std::vector<QString> telling_names_;
};

} // namespace graticule
