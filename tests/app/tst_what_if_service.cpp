// The thread that answers what-ifs: when it says that it is through, everything is there.
#include <QtTest/QSignalSpy>
#include <QtTest/QTest>

#include "app/session/what_if_service.h"
#include "core/engine/resources.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/test_main.h"

using namespace graticule;

class WhatIfServiceTest : public QObject {
    Q_OBJECT

    OpenedModel opened_;
    std::shared_ptr<const ActivationStats> stats_;
    SchemeChoice choice_ = parse_scheme_line("w=int4/asym/channel");

    [[nodiscard]] std::vector<WhatIfService::Request> everything() const {
        std::vector<WhatIfService::Request> wanted;
        for (const Linear& linear : opened_.model->linears()) wanted.push_back({linear.id, choice_, false});
        return wanted;
    }

private Q_SLOTS:
    void initTestCase() {
        JobContext ctx;
        opened_ = open_model(resolve_model_path("sample-opt"), ctx);
        CalibrationSpec spec;
        spec.samples = 2;
        spec.length = 64;
        stats_ = calibrate(*opened_.model, *opened_.tokenizer, spec, ctx);
    }

    void it_is_not_idle_before_the_last_answer_has_been_delivered() {
        WhatIfService service;
        QVERIFY(service.idle());
        service.setSource(opened_.model, stats_);
        const LayerId layer = opened_.model->linears().front().id;
        service.want({{layer, choice_, true}});
        service.wantWeights(layer);
        // Its thread has long been through; nobody has run the events that carry the answers.
        QElapsedTimer waited;
        waited.start();
        while (waited.elapsed() < 1500) {
            QVERIFY(!service.idle());
            QThread::msleep(20);
        }
        QVERIFY(!service.find(layer, choice_, true));
        QTRY_VERIFY_WITH_TIMEOUT(service.idle(), 30'000);
        QVERIFY(service.find(layer, choice_, true));
        QVERIFY(service.weights(layer));
    }

    void when_it_is_idle_every_answer_is_there() {
        WhatIfService service;
        service.setSource(opened_.model, stats_);
        service.want(everything());
        QElapsedTimer limit;
        limit.start();
        while (!service.idle() && limit.elapsed() < 60'000) QCoreApplication::processEvents(QEventLoop::AllEvents, 1);
        for (const Linear& linear : opened_.model->linears()) QVERIFY(service.find(linear.id, choice_, false));
    }

    void nothing_is_begun_while_something_is_timed() {
        WhatIfService service;
        service.setSource(opened_.model, stats_);
        const LayerId layer = opened_.model->linears().front().id;
        {
            const WhatIfService::Quiet quiet(service);
            service.want({{layer, choice_, true}});
            service.wantWeights(layer);
            QTest::qWait(500);
            QVERIFY(!service.find(layer, choice_, true) && !service.weights(layer));
            QVERIFY(!service.idle());
        }
        QTRY_VERIFY_WITH_TIMEOUT(service.idle(), 30'000);
        QVERIFY(service.find(layer, choice_, true) && service.weights(layer));
    }

    /// Where all rows would take long: the weight's figures first, then the output's from a few rows, then from all.
    void a_long_answer_comes_in_three() {
        WhatIfService service(nullptr, 1);
        service.setSource(opened_.model, stats_);
        const LayerId layer = opened_.model->linears().front().id;
        const SchemeChoice choice = parse_scheme_line("w=int4/asym/g128 a=int8/sym/token");
        const WhatIf all = WhatIfs(opened_.model, stats_).of(layer, choice);
        const auto kept_rows = all.report.rows_scored;
        QVERIFY(kept_rows > WhatIfService::first_rows);
        std::vector<std::shared_ptr<const WhatIf>> answers;
        connect(&service, &WhatIfService::ready, &service, [&] {
            answers.push_back(service.find(layer, choice, true));
            QVERIFY(answers.back());
        });
        service.want({{layer, choice, true}, {layer, choice, false}});
        QTRY_VERIFY_WITH_TIMEOUT(service.idle(), 30'000);
        std::vector<std::int64_t> rows;
        for (const auto& answer : answers) rows.push_back(answer->report.rows_scored);
        QCOMPARE(rows, (std::vector<std::int64_t>{0, WhatIfService::first_rows, kept_rows}));
        for (const auto& answer : answers) { // of the weight all of them say the same
            QVERIFY(answer->report.estimated);
            QCOMPARE(answer->report.weight_mse, all.report.weight_mse);
            QCOMPARE(answer->report.weight_counts.underflow, all.report.weight_counts.underflow);
            QCOMPARE(answer->report.levels_unused, all.report.levels_unused);
            QVERIFY(answer->weight_in_steps.counts == all.weight_in_steps.counts);
            QVERIFY(answer->params.scale == all.params.scale);
        }
        QVERIFY(!answers.front()->report.output_mse);
        QCOMPARE(*answers.back()->report.output_mse, *all.report.output_mse);
        // Nothing is computed again, and asked for while it was wanted, the plots are still there.
        service.want({{layer, choice, false}});
        service.want({{layer, choice, true}});
        QVERIFY(service.idle());
    }

    /// What is mapped where the file has been cut are zeros: no histogram of them, but the reason, told once.
    void a_model_cut_short_says_so() {
        const testing::TemporaryFolder folder;
        std::filesystem::copy(resolve_model_path("sample-opt"), folder.path(),
                              std::filesystem::copy_options::recursive);
        const std::filesystem::path file = folder.path() / "model.safetensors";
        JobContext ctx;
        const OpenedModel opened = open_model(folder.path(), ctx);
        const LayerId first = opened.model->linears().front().id, last = opened.model->linears().back().id;
        WhatIfService service;
        QSignalSpy damaged(&service, &WhatIfService::damaged);
        service.setSource(opened.model, stats_);
        service.wantWeights(first);
        QTRY_VERIFY_WITH_TIMEOUT(service.idle(), 30'000);
        QVERIFY(service.weights(first) && service.weightsProblem(first).isEmpty());
        std::filesystem::resize_file(file, std::filesystem::file_size(file) / 16);
        service.wantWeights(last);
        service.want({{last, choice_, true}});
        QTRY_VERIFY_WITH_TIMEOUT(service.idle(), 30'000);
        QVERIFY(!service.weights(last) && !service.find(last, choice_, true));
        for (const QString& problem : {service.weightsProblem(last), service.problem(last, choice_)})
            QVERIFY2(problem.contains(QString::fromStdString(file.string())) && problem.contains("cut short"),
                     qPrintable(problem));
        QCOMPARE(damaged.size(), 1);
        QVERIFY(service.weights(first)); // counted when it was whole
    }

    void answers_about_a_source_that_went_count_as_delivered() {
        WhatIfService service;
        service.setSource(opened_.model, stats_);
        service.want(everything());
        service.wantWeights(opened_.model->linears().front().id);
        service.setSource(opened_.model, nullptr); // in the middle of one
        service.want(everything());                // and nothing to answer from
        QTRY_VERIFY_WITH_TIMEOUT(service.idle(), 30'000);
        service.setSource(nullptr, nullptr);
        service.want(everything());
        QTRY_VERIFY_WITH_TIMEOUT(service.idle(), 30'000);
    }
};

GRATICULE_TEST(WhatIfServiceTest);
#include "tst_what_if_service.moc"
