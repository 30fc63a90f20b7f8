// One window a user and settings file: a program started later hands its model over to the one that runs, so that two
// of them do not write one journal.
//
//     if (FirstInstance::hand_over(settings_file, path)) return 0;   // the window that is there shows it
//     FirstInstance here(settings_file);                             // later ones come to this
#pragma once

#include <QtCore/QObject>
#include <QtCore/QString>

class QLocalServer;

namespace graticule {

class FirstInstance final : public QObject {
    Q_OBJECT
public:
    explicit FirstInstance(const QString& settings_file, QObject* parent = nullptr);
    /// `path` empty: to the front, no more. False: no program with these settings answers.
    [[nodiscard]] static bool hand_over(const QString& settings_file, const QString& path);

Q_SIGNALS:
    void openWanted(const QString& path); ///< absolute or a sample's name; empty: come to the front

private:
    void answer();
    QLocalServer* server_;
};

} // namespace graticule
