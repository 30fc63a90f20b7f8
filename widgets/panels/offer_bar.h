// A line over the plots that offers something and waits: no dialog that must be answered first.
#pragma once

#include <QtWidgets/QFrame>
#include <vector>

class QBoxLayout;
class QLabel;
class QListWidget;
class QPushButton;

namespace graticule {

class OfferBar final : public QFrame {
    Q_OBJECT
public:
    explicit OfferBar(QWidget* parent = nullptr);
    /// `besides`: something else that can be done, after which the offer stands; empty: nothing.
    void offer(const QString& text, const QString& yes, const QString& no, const QString& besides = {});
    /// One of several, with what its buttons say.
    struct Piece {
        QString line, yes, no;
    };
    /// A list, of which one is chosen: the first, else the one at the place of the last choice. `later` is for none.
    void offerOneOf(const QString& text, std::vector<Piece> pieces, const QString& besides, const QString& later);
    /// Of what is offered, the one that taken() and refused() are about; 0 where it is one alone.
    [[nodiscard]] std::size_t chosen() const;
    /// Stays in its place with this text while something is under way; only the refusal can be pressed.
    void wait(const QString& text);
    [[nodiscard]] bool waiting() const;
    void withdraw();
    [[nodiscard]] QString text() const; ///< the list's lines below it

Q_SIGNALS:
    void taken();
    void refused();
    void besides();
    void putOff(); ///< all of them

protected:
    void resizeEvent(QResizeEvent* event) override;

private:
    void put(const QString& text, const Piece& piece, const QString& besides, const QString& later);
    void forget(); ///< the list
    void fit();

    QBoxLayout* row_;
    QLabel* text_;
    QListWidget* list_; ///< hidden where one is offered alone
    std::vector<Piece> pieces_;
    QPushButton *yes_, *besides_, *no_, *later_;
};

} // namespace graticule
