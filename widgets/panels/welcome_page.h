// What the window shows before a model is open: the samples, a folder, and what was opened before.
#pragma once

#include <QtCore/QPointer>
#include <QtWidgets/QWidget>
#include <vector>

class QLabel;
class QPushButton;
class QVBoxLayout;

namespace graticule {

struct RecentModel {
    QString path;
    QString name;
    bool missing = false;
    QString note = {}; ///< what else is known of it: unsaved work
};

class WelcomePage final : public QWidget {
    Q_OBJECT
public:
    explicit WelcomePage(QWidget* parent = nullptr);
    /// Name on the button and path of each model that ships with the program.
    void setSamples(const std::vector<RecentModel>& samples);
    void setRecent(const std::vector<RecentModel>& recent);
    void setProblem(const QString& text); ///< why the last attempt failed; empty: none
    /// "sess.graticule is being opened": meanwhile nothing else can be, by mouse or key. Empty: nothing is.
    void setOpening(const QString& text);

protected:
    void keyPressEvent(QKeyEvent* event) override; ///< Enter is the button that has the focus, else the first sample

Q_SIGNALS:
    void openWanted(const QString& path);
    void tourWanted();
    void folderWanted();
    void fileWanted();
    void forgetWanted(const QString& path);

private:
    void orderFocus();

    QWidget* inside_;
    QVBoxLayout *samples_, *recent_;
    QWidget* choices_; ///< all that can be pressed
    QLabel *problem_, *opening_, *recent_title_;
    QPointer<QPushButton> primary_;
};

} // namespace graticule
