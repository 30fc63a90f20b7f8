// Walks a journey of the user's guide by itself, with the window's own commands and fields, and photographs each step.
// For screenshots of real results and for trying the window where nobody sits: graticule --demo-journey 2 --screenshots
// DIR.
#pragma once

#include <QtCore/QElapsedTimer>
#include <QtCore/QObject>
#include <QtCore/QString>
#include <QtCore/QTimer>
#include <functional>
#include <vector>

namespace graticule {

class MainWindow;

class DemoJourney final : public QObject {
    Q_OBJECT
public:
    /// `model` empty: the journey's own sample. Ends the program: 0, or 1 when a step did not come to its end.
    DemoJourney(MainWindow& window, int number, QString model, QString folder, QObject* parent);
    [[nodiscard]] static bool exists(int number);
    void start();

private:
    struct Step {
        QString name; ///< of the picture; empty: none
        std::function<void()> act;
        std::function<bool()> ready;
    };
    void firstMinute();
    void whyDoesItBreak();
    void whatDoesDintBuy();
    void shortPrompts();
    void shipIt();

    void open(const QString& sample);
    void add(const QString& name, std::function<void()> act, std::function<bool()> ready = {});
    void trigger(const char* command);
    void choose(const QString& field, const QString& text); ///< an item of the recipe form's field
    void setNumber(const QString& field, double value);
    [[nodiscard]] bool quiet() const; ///< no job runs, no what-if is under way
    void poll();
    void finishStep();

    MainWindow& window_;
    QString model_, folder_;
    int number_;
    std::vector<Step> steps_;
    std::size_t at_ = 0;
    bool acted_ = false, settling_ = false, failed_ = false;
    QElapsedTimer since_, whole_;
    QTimer timer_;
};

} // namespace graticule
