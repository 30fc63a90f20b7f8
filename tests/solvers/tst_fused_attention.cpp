// Attention in parts is attention in one call: of heads the same bits, of queries as near as another order of adding.
#include "core/runtime/fused_attention.h"

#include "core/base/cancel_point.h"
#include "core/base/job_context.h"
#include "tests/solvers/golden_tensors.h"

using namespace graticule;
using namespace graticule::testing;

class TestFusedAttention : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void parts_are_the_whole_data() {
        QTest::addColumn<int>("mask"); // dimensions of it; 0: none
        QTest::addColumn<bool>("causal");
        QTest::newRow("a whole text") << 0 << true;
        QTest::newRow("one token") << 0 << false;
        QTest::newRow("a window") << 2 << false;
        QTest::newRow("slopes by head") << 3 << false;
    }
    void parts_are_the_whole() {
        QFETCH(int, mask);
        QFETCH(bool, causal);
        at::manual_seed(5);
        const std::int64_t batch = 2, heads = 6, tokens = 300, width = 16;
        const auto some = [&] { return at::randn({batch, heads, tokens, width}); };
        const at::Tensor q = some(), k = some(), v = some();
        FusedAttention options{{}, causal, 0.25};
        if (mask == 2) options.mask = at::ones({tokens, tokens}, at::kBool).tril().triu(-40);
        if (mask == 3) options.mask = at::randn({heads, tokens, tokens});
        const at::Tensor whole = fused_attention(q, k, v, options);
        const double of_head = 2.0 * double(batch * tokens * tokens * width);
        for (const double by_heads : {4 * of_head, of_head})
            QVERIFY(at::equal(fused_attention(q, k, v, options, by_heads), whole));
        for (const double by_queries : {of_head / 2, of_head / 7, 1.0})
            QVERIFY(at::allclose(fused_attention(q, k, v, options, by_queries), whole, 1e-5, 1e-6));
        const at::Tensor last = q.narrow(2, tokens - 1, 1);
        if (mask == 0)
            QVERIFY(at::allclose(fused_attention(last, k, v, {{}, false, 0.25}, 1.0),
                                 fused_attention(last, k, v, {{}, false, 0.25}), 1e-5, 1e-6));
    }
    void is_stopped_between_parts() {
        const at::Tensor x = at::randn({1, 4, 64, 16});
        JobContext job;
        const CancelScope scope(job);
        (void)fused_attention(x, x, x, {{}, true, 1}, 1.0);
        job.cancel.request();
        QVERIFY_EXCEPTION_THROWN((void)fused_attention(x, x, x, {{}, true, 1}, 1.0), Cancelled);
    }
};

GRATICULE_TEST(TestFusedAttention);
#include "tst_fused_attention.moc"
