// A worker's result is checked before it counts.
#include <QtTest/QTest>
#include <cmath>
#include <functional>

#include "app/remote/check_answer.h"
#include "core/base/error.h"
#include "tests/support/test_main.h"

using namespace graticule;

class TestCheckAnswer : public QObject {
    Q_OBJECT

    EvaluationOrder order_;
    Evaluation sound_;

    /// Throws naming `member` after `change`.
    void refuses(const QString& member, const std::function<void(Evaluation&)>& change) const {
        Evaluation changed = sound_;
        change(changed);
        JobContext ctx;
        try {
            check_answer(changed, order_, ctx);
        } catch (const Error& error) {
            QVERIFY2(error.info().kind == ErrorKind::bad_input, error.info().text().c_str());
            QVERIFY2(QString::fromStdString(error.info().text()).contains(member), error.info().text().c_str());
            return;
        }
        QFAIL(qPrintable(member + " was taken"));
    }

private Q_SLOTS:
    void init() {
        order_ = {};
        order_.model_hash = std::string(64, 'a');
        order_.window = 128;
        order_.max_windows = 2;
        sound_ = {};
        sound_.provenance.model_hash = order_.model_hash;
        sound_.protocol.window = 128;
        sound_.protocol.windows_used = 2;
        sound_.protocol.windows_there = 24;
        sound_.protocol.execution = order_.execution;
        sound_.window_losses = {std::log(30.0), std::log(40.0)};
        summarize(sound_);
    }
    void what_was_asked_for_is_taken() {
        JobContext ctx;
        check_answer(sound_, order_, ctx);
        order_.max_windows = 0; // all
        sound_.protocol.windows_there = 2;
        check_answer(sound_, order_, ctx);
    }
    void another_answer_is_refused() {
        refuses("hash", [](Evaluation& answer) { answer.provenance.model_hash = std::string(64, 'b'); });
        refuses("window", [](Evaluation& answer) { answer.protocol.window = 4096; });
        refuses("windows_used", [](Evaluation& answer) { answer.protocol.windows_used = 1; });
        refuses("precision", [](Evaluation& answer) { answer.protocol.execution.compute = Compute::bfloat16; });
        refuses("number of losses", [](Evaluation& answer) { answer.window_losses.pop_back(); });
        refuses("a loss", [](Evaluation& answer) { answer.window_losses[1] = NAN; });
        refuses("a loss", [](Evaluation& answer) { answer.window_losses[1] = -3; });
        refuses("perplexity", [](Evaluation& answer) { answer.perplexity = 12.3456; });
    }
};

GRATICULE_TEST(TestCheckAnswer);
#include "tst_check_answer.moc"
