// Kept channels and low-rank compensation.
#include "tests/solvers/golden_tensors.h"

#include "core/base/error.h"
#include "core/method/solvers/low_rank.h"
#include "core/method/solvers/mixed_precision.h"

using namespace graticule;
using namespace graticule::solvers;
using namespace graticule::testing;

using Channels = std::vector<std::int64_t>;
Q_DECLARE_METATYPE(Channels)

class SolverRestTest : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void share_data() {
        QTest::addColumn<double>("percent");
        QTest::addColumn<Channels>("expected");
        QTest::newRow("none") << 0.0 << Channels{};
        QTest::newRow("at least one") << 1.0 << Channels{3};
        QTest::newRow("of equals the first") << 40.0 << Channels{1, 3};
        QTest::newRow("all") << 100.0 << Channels{0, 1, 2, 3, 4};
    }
    void share() {
        QFETCH(double, percent);
        QFETCH(Channels, expected);
        const at::Tensor absmax = to_torch({1, 5, 5, 9, 2}, {5}, open_device("cpu"));
        QCOMPARE(channels_by_share(absmax, percent), expected);
    }
    void share_outside_is_refused() {
        QVERIFY_THROWS_EXCEPTION(Error, (void)channels_by_share(at::ones({4}), 101));
        QVERIFY_THROWS_EXCEPTION(Error, (void)channels_by_share(at::ones({4}), -1));
    }
    void threshold() {
        const at::Tensor absmax = to_torch({1, 6, 5.9F, 9}, {4}, open_device("cpu"));
        QCOMPARE(channels_above(absmax, 6.0), (Channels{1, 3}));
        QVERIFY(channels_above(absmax, 0.0).empty());
    }

    void low_rank_data() {
        QTest::addColumn<std::int64_t>("rank");
        for (const std::int64_t rank : {1, 8, 24, 100}) QTest::addRow("rank %d", static_cast<int>(rank)) << rank;
    }
    void low_rank() {
        QFETCH(std::int64_t, rank);
        const Device device = open_device("cpu");
        at::manual_seed(42);
        const at::Tensor weight = at::randn({24, 40});
        const at::Tensor rounded = round_to_nearest(weight, asymmetric(int_grid(3), per_channel()), device);
        const LowRankFactors factors = low_rank_factors(weight, rounded, rank);
        QCOMPARE(factors.a.size(1), std::min<std::int64_t>(rank, 24));
        // No matrix of this rank leaves less than the singular values behind it (Eckart and Young 1936).
        const double left = (weight - rounded - at::mm(factors.a, factors.b)).norm().item<double>();
        const at::Tensor values = at::linalg_svdvals(weight - rounded);
        const double least = values.slice(0, std::min<std::int64_t>(rank, 24)).norm().item<double>();
        QVERIFY(std::abs(left - least) < 1e-4 * values.norm().item<double>());
        if (rank >= 24) QVERIFY(at::allclose(rounded + at::mm(factors.a, factors.b), weight, 1e-4, 1e-5));
    }
};

GRATICULE_TEST(SolverRestTest);
#include "tst_solver_rest.moc"
