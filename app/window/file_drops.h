// A local file or folder that is dropped anywhere on a window or its floating docks: onto a field of text too, which would
// take its path for words.
#pragma once

#include <QtCore/QObject>
#include <QtCore/QString>

class QMainWindow;

namespace graticule {

class FileDrops final : public QObject {
    Q_OBJECT
public:
    /// Owned by `window`; watches the application.
    explicit FileDrops(QMainWindow& window);

Q_SIGNALS:
    void dropped(const QString& path);

protected:
    bool eventFilter(QObject* watched, QEvent* event) override;

private:
    [[nodiscard]] bool isOurs(const QObject* watched) const;
    QMainWindow& window_;
};

} // namespace graticule
