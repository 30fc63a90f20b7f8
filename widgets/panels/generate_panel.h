// Before and after in words: a prompt continued by the model as it is and under the recipe, side by side, with the
// place where they first part.
#pragma once

#include <QtWidgets/QFrame>
#include <array>

class QLabel;
class QPlainTextEdit;
class QPushButton;
class QSpinBox;
class QTextEdit;

namespace graticule {

struct ContinuedPrompt {
    struct Side {
        QString name;         ///< "full precision", or the recipe in one line
        QString arithmetic;   ///< that it was computed in: "float32", "rounding simulated in float32"
        QString same, parted; ///< what it adds to the prompt: up to the first token that differs, and from there
        double tokens_per_second = 0;
    };
    QString prompt;
    std::array<Side, 2> sides;
    qint64 tokens = 0;  ///< of the longer side
    qint64 parting = 0; ///< first token that differs, from 1; 0: none does
};

class GeneratePanel final : public QFrame {
    Q_OBJECT
public:
    explicit GeneratePanel(QWidget* parent = nullptr);
    void setContinued(const ContinuedPrompt& continued);
    void clearContinued(); ///< says how to get one
    [[nodiscard]] QPlainTextEdit* prompt() const { return prompt_; }
    [[nodiscard]] QTextEdit* text(std::size_t side) const { return texts_.at(side); }

Q_SIGNALS:
    void continueWanted(const QString& prompt, int tokens);

private:
    QLabel *headline_, *note_;
    QPlainTextEdit* prompt_;
    QSpinBox* tokens_;
    QPushButton* continue_;
    QWidget* both_;
    std::array<QLabel*, 2> names_{};
    std::array<QTextEdit*, 2> texts_{};
};

} // namespace graticule
