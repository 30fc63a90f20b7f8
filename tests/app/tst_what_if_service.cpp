// The thread that answers what-ifs: when it says that it is through, everything is there.
#include <QtTest/QSignalSpy>
#include <QtTest/QTest>

#include "app/session/what_if_service.h"
#include "core/engine/resources.h"
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
        spec.samples = 1;
        spec.length = 32;
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
