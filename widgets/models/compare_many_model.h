// Any number of runs layer by layer: one figure, a column for each run, as it is or against the first (A).
#pragma once

#include <QtCore/QAbstractTableModel>
#include <QtCore/QStringList>
#include <optional>
#include <vector>

#include "core/result/layer_report.h"

namespace graticule {

enum class LayerFigure { sqnr, mse, underflow, bytes };
/// B, B − A, |B − A| / |A| in percent.
enum class CompareMode { values, difference, relative };

struct ManyRun {
    QString name;
    std::vector<LayerReport> reports;
    QString no_reports = {}; ///< why there are none
};

class CompareManyModel final : public QAbstractTableModel {
    Q_OBJECT
public:
    enum Role { SortRole = Qt::UserRole + 1, ToneRole }; ///< tones as CompareTableModel's

    explicit CompareManyModel(QObject* parent = nullptr);
    void setRuns(const std::vector<ManyRun>& runs); ///< the first is A
    void show(LayerFigure figure, CompareMode mode);
    [[nodiscard]] int spreadColumn() const { return columnCount() - 1; } ///< largest less smallest

    [[nodiscard]] static QStringList figureNames(); ///< in the order of LayerFigure
    [[nodiscard]] static QStringList modeNames();
    [[nodiscard]] static QString letter(std::size_t run); ///< "A", "B", ... "Z", "27"

    [[nodiscard]] int rowCount(const QModelIndex& parent = {}) const override;
    [[nodiscard]] int columnCount(const QModelIndex& parent = {}) const override;
    [[nodiscard]] QVariant data(const QModelIndex& index, int role = Qt::DisplayRole) const override;
    [[nodiscard]] QVariant headerData(int section, Qt::Orientation orientation,
                                      int role = Qt::DisplayRole) const override;

private:
    struct Row {
        QString name;
        std::vector<std::optional<LayerReport>> runs;
    };
    [[nodiscard]] std::optional<double> figure(const Row& row, std::size_t run) const;
    [[nodiscard]] std::optional<double> number(const QModelIndex& index) const;
    [[nodiscard]] QString text(double value, bool spread) const;

    QStringList names_;
    std::vector<Row> rows_;
    LayerFigure figure_ = LayerFigure::sqnr;
    CompareMode mode_ = CompareMode::values;
};

} // namespace graticule
