// The window over and over: open, calibrate, quantize, evaluate, close. What a round takes must be given back, and the
// event loop must stay answerable. Five rounds in the ordinary run, 300 in the one labelled slow.
#include <QtCore/QElapsedTimer>
#include <QtCore/QTemporaryDir>
#include <QtCore/QTimer>
#include <QtTest/QTest>
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <malloc.h>
#include <unistd.h>
#include <vector>

#include "tests/app/shown_window.h"
#include "tests/faults/job_trial.h"
#include "tests/support/short_calibration.h"
#include "tests/support/test_main.h"

using namespace graticule;
using graticule::testing::show_window;

namespace {

double resident_megabytes() {
    std::ifstream in("/proc/self/statm");
    long all = 0, resident = 0;
    in >> all >> resident;
    return static_cast<double>(resident) * static_cast<double>(::sysconf(_SC_PAGESIZE)) / 1e6;
}

std::ptrdiff_t open_handles() {
    return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), std::filesystem::directory_iterator());
}

/// Milliseconds for which this thread could have run and no processor was free: other programs', and those of our own
/// threads that compute.
double milliseconds_without_processor() {
    std::ifstream in("/proc/thread-self/schedstat");
    double running = 0, waiting = 0;
    in >> running >> waiting;
    return waiting * 1e-6;
}

/// How long the event loop did not come round to a timer of 2 ms.
class Gaps {
public:
    /// What lasted longest until now does not count.
    void restart() { since_.invalidate(); }
    void tick(const char* doing) {
        const double waited = milliseconds_without_processor();
        if (since_.isValid()) {
            const double gap = static_cast<double>(since_.nsecsElapsed()) * 1e-6;
            longest_ = std::max(longest_, gap);
            if (const double own = gap - (waited - waited_before_); own > longest_own_) {
                longest_own_ = own;
                during_ = doing;
            }
        }
        waited_before_ = waited;
        since_.start();
    }
    [[nodiscard]] double longest() const { return longest_; }
    [[nodiscard]] double longest_own() const { return longest_own_; } ///< without the wait for a processor
    [[nodiscard]] const char* during() const { return during_; }      ///< what was under way then

private:
    QElapsedTimer since_;
    double waited_before_ = 0, longest_ = 0, longest_own_ = 0;
    const char* during_ = "";
};

double median(std::vector<double> values) {
    std::ranges::nth_element(values, values.begin() + std::ssize(values) / 2);
    return values[values.size() / 2];
}

} // namespace

class TestSoak : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void open_calibrate_quantize_evaluate_close() {
        const QTemporaryDir folder;
        const int rounds = faults::full() ? 300 : 5;
        std::vector<double> resident;
        std::vector<std::ptrdiff_t> handles;
        Gaps gaps;
        const char* doing = "opening";
        QTimer tick;
        connect(&tick, &QTimer::timeout, this, [&] { gaps.tick(doing); });
        for (int round = 0; round < rounds; ++round) {
            const auto shown = show_window(folder.filePath("settings.ini"));
            Session& session = shown.window->session();
            shown.window->openPath("sample-opt");
            gaps.restart(); // building a window is not answering
            doing = "opening";
            tick.start(2);
            QTRY_VERIFY_WITH_TIMEOUT(session.model() && !session.jobs().busy(), 120'000);
            doing = "setting the recipe";
            Recipe recipe = session.recipe();
            recipe.calibration = graticule::testing::short_calibration();
            recipe.calibration.seed = static_cast<std::uint64_t>(round); // no run is one that the journal has
            session.setRecipe(recipe, "soak");
            session.calibrate(recipe.calibration);
            QVERIFY(session.quantize());
            session.evaluate({{}, 64, 2});
            doing = "running";
            QTRY_VERIFY_WITH_TIMEOUT(!session.jobs().busy() && session.whatIfs().idle(), 120'000);
            QVERIFY(!session.runs().empty() && session.runs().back().finished());
            doing = "removing runs";
            while (!session.runs().empty()) session.runList().remove(session.runs().back().id); // or the journal grows
            QTest::qWait(10);                                                                   // one more tick
            tick.stop();
            shown.window->close();
            if (round == 0 || round % 10 == 9 || rounds < 10) {
                ::malloc_trim(0);
                resident.push_back(resident_megabytes());
                handles.push_back(open_handles());
            }
        }
        qInfo("%d rounds: resident %.1f MB after the first, %.1f at the end; %td handles, then %td; longest gap of the "
              "event loop %.0f ms, of which without the wait for a processor at most %.0f ms (%s)",
              rounds, resident.front(), resident.back(), handles.front(), handles.back(), gaps.longest(),
              gaps.longest_own(), gaps.during());
        QVERIFY(handles.back() <= handles.front() + 2);
        const auto third = std::max<std::ptrdiff_t>(1, std::ssize(resident) / 3);
        const double early = median({resident.begin() + 1, resident.begin() + 1 + third}),
                     late = median({resident.end() - third, resident.end()});
        // Five rounds are few to reach a level: 245 to 264 MB were seen where 300 stay within 4.
        const double swing = faults::full() ? 4 : 20;
        QVERIFY2(late < early * 1.05 + swing, qPrintable(QString("%1 MB grew to %2 MB").arg(early).arg(late)));
        // Waiting for one of our own threads that got no processor counts as ours: so on a quiet machine alone.
        if (faults::full()) QVERIFY2(gaps.longest_own() <= 100, gaps.during());
    }
};

GRATICULE_TEST(TestSoak);
#include "tst_soak.moc"
