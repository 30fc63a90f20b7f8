// Where a recipe departs from full precision: the worst passages of the text, each token coloured by its divergence.
#pragma once

#include <QtWidgets/QFrame>
#include <vector>

#include "core/result/divergence.h"
#include "core/result/passages.h"

class QLabel;
class QPushButton;
class QTextEdit;

namespace graticule {

class ElidedLabel;

class DivergencePanel final : public QFrame {
    Q_OBJECT
public:
    explicit DivergencePanel(QWidget* parent = nullptr);
    /// `recipe`: what it is of, for the headline. `windows`: of the whole measurement; while it has fewer it is under
    /// way. `protocol`: how it was measured.
    void setDivergence(const QString& recipe, const Divergence& divergence, const std::vector<Passage>& worst,
                       std::int64_t windows, const QString& protocol = {});
    void clearDivergence(); ///< says how to get one
    [[nodiscard]] QTextEdit* text() const { return text_; }
    [[nodiscard]] ElidedLabel* measuredOn() const { return on_; } ///< what the next one will be measured on

Q_SIGNALS:
    void measureWanted();

private:
    void showPassages(const std::vector<Passage>& worst);

    QLabel *headline_, *verdict_, *figures_;
    QPushButton* measure_;
    ElidedLabel* on_;
    QTextEdit* text_;
};

} // namespace graticule
