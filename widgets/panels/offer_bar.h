// A line over the plots that offers something and waits: no dialog that must be answered first.
#pragma once

#include <QtWidgets/QFrame>

class QBoxLayout;
class QLabel;
class QPushButton;

namespace graticule {

class OfferBar final : public QFrame {
    Q_OBJECT
public:
    explicit OfferBar(QWidget* parent = nullptr);
    /// `besides`: something else that can be done, after which the offer stands; empty: nothing.
    void offer(const QString& text, const QString& yes, const QString& no, const QString& besides = {});
    /// Stays in its place with this text while something is under way; only the refusal can be pressed.
    void wait(const QString& text);
    [[nodiscard]] bool waiting() const;
    void withdraw() { hide(); }
    [[nodiscard]] QString text() const;

Q_SIGNALS:
    void taken();
    void refused();
    void besides();

protected:
    void resizeEvent(QResizeEvent* event) override;

private:
    void fit();

    QBoxLayout* row_;
    QLabel* text_;
    QPushButton *yes_, *besides_, *no_;
};

} // namespace graticule
