// What an empty table or list says about itself, in its middle; gone as soon as there is a row.
#pragma once

#include <QtWidgets/QLabel>

class QAbstractItemView;

namespace graticule {

class EmptyHint final : public QLabel {
    Q_OBJECT
public:
    /// The view must have its model already, and owns the hint.
    EmptyHint(QAbstractItemView& view, const QString& text);

protected:
    bool eventFilter(QObject* watched, QEvent* event) override;

private:
    void place();

    QAbstractItemView& view_;
};

} // namespace graticule
