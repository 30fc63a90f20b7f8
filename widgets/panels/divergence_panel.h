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

class DivergencePanel final : public QFrame {
    Q_OBJECT
public:
    explicit DivergencePanel(QWidget* parent = nullptr);
    /// `recipe`: what it is of, for the headline.
    void setDivergence(const QString& recipe, const Divergence& divergence, const std::vector<Passage>& worst);
    void clearDivergence(); ///< says how to get one
    [[nodiscard]] QTextEdit* text() const { return text_; }

Q_SIGNALS:
    void measureWanted();

private:
    QLabel *headline_, *figures_;
    QPushButton* measure_;
    QTextEdit* text_;
};

} // namespace graticule
