// Mergeable statistics: any way of cutting the tokens gives the same channel statistics, and the histogram answers what
// the values themselves would.
#include <QtTest/QTest>

#include <algorithm>
#include <cmath>
#include <random>

#include "core/stats/activation_stats.h"
#include "core/stats/site_statistics.h"
#include "kernels/api/backends.h"
#include "tests/support/test_main.h"

using namespace graticule;

namespace {

std::vector<float> heavy_tailed(std::size_t count, unsigned seed) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal;
    std::vector<float> values(count);
    for (float& value : values) {
        value = normal(random);
        value *= std::abs(value) * std::abs(value);
    }
    return values;
}

ChannelStats column_stats(const float* values, std::int64_t rows, std::int64_t columns, Histogram& histogram) {
    const StatisticsPlan plan{1, rows, {rows}, {}};
    std::vector<double> memory(SiteAccumulators::bytes(1, columns) / sizeof(double));
    const SiteAccumulators sums(memory.data(), 1, columns);
    cpu_backend().accumulate_statistics({values, ValueType::f32, 1, rows, columns, columns}, plan.ends,
                                        std::vector<std::int64_t>(1), sums, nullptr, {});
    const SiteStats stats = site_statistics(SiteId{0}, plan, columns, plan.ends, sums, {});
    histogram.merge(stats.all().histogram);
    return stats.all().channels;
}

bool close(double a, double b, double relative) { return std::abs(a - b) <= relative * (std::abs(b) + 1e-300); }

} // namespace

class TestStatsChannel : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void merging_equals_one_pass_data() {
        QTest::addColumn<QList<int>>("cuts");
        QTest::newRow("halves") << QList<int>{150};
        QTest::newRow("one row first") << QList<int>{1};
        QTest::newRow("many") << QList<int>{1, 2, 3, 64, 65, 128, 299};
    }
    void merging_equals_one_pass() {
        QFETCH(QList<int>, cuts);
        constexpr std::int64_t rows = 300, columns = 7;
        const std::vector<float> values = heavy_tailed(rows * columns, 7);
        Histogram whole_histogram, parts_histogram;
        const ChannelStats whole = column_stats(values.data(), rows, columns, whole_histogram);
        ChannelStats merged;
        cuts.push_back(rows);
        int begin = 0;
        for (const int end : cuts) {
            merged.merge(column_stats(values.data() + begin * columns, end - begin, columns, parts_histogram));
            begin = end;
        }
        QCOMPARE(merged.tokens, rows);
        QCOMPARE(merged.minimum, whole.minimum);
        QCOMPARE(merged.maximum, whole.maximum);
        QVERIFY(parts_histogram == whole_histogram);
        for (std::size_t c = 0; c < columns; ++c) {
            QVERIFY(close(merged.mean[c], whole.mean[c], 1e-9));
            QVERIFY(close(merged.m2[c], whole.m2[c], 1e-11));
            QVERIFY(close(merged.m3[c], whole.m3[c], 1e-8));
            QVERIFY(close(merged.m4[c], whole.m4[c], 1e-11));
        }
    }

    void kurtosis_of_known_values() {
        const std::vector<float> values = {1, -1, 1, -1}; // two points: kurtosis 1, variance 1
        Histogram histogram;
        const ChannelStats stats = column_stats(values.data(), 4, 1, histogram);
        QCOMPARE(stats.variance(0), 1.0);
        QCOMPARE(stats.kurtosis(0), 1.0);
        const std::vector<float> constant = {2, 2, 2};
        QCOMPARE(column_stats(constant.data(), 3, 1, histogram).kurtosis(0), 0.0);
    }

    void outliers_by_the_stated_rule() {
        ChannelStats stats;
        stats.tokens = 1;
        stats.maximum = {1, 1, 1, 1, 6.5F, 0.5F, 2};
        stats.minimum = {0, 0, 0, 0, 0, -40, 0};
        const OutlierReport report = find_outliers(stats);
        QCOMPARE(report.median_absmax, 1.0);
        QCOMPARE(report.threshold, 6.0);
        QCOMPARE(report.channels, (std::vector<std::int64_t>{5, 4})); // largest first
        QCOMPARE(report.max_absmax, 40.0);
        QCOMPARE(report.ratio, 40.0);
        QCOMPARE(report.max_without_outliers, 2.0);
    }

    void a_value_that_is_not_finite_is_not_forgotten() {
        Histogram histogram;
        const float inf = std::numeric_limits<float>::infinity();
        const std::vector<float> first = {1, 2, 3, 4}, bad = {5, inf, 7, 8}; // two channels, two tokens
        for (const bool bad_first : {false, true}) {
            ChannelStats stats = column_stats((bad_first ? bad : first).data(), 2, 2, histogram);
            stats.merge(column_stats((bad_first ? first : bad).data(), 2, 2, histogram));
            QCOMPARE(stats.absmax(0), 7.0F);
            QVERIFY(std::isnan(stats.minimum[1]) && std::isnan(stats.maximum[1]) && std::isnan(stats.m4[1]));
            QCOMPARE(find_outliers(stats).channels, (std::vector<std::int64_t>{1}));
        }
    }

    void histogram_percentiles_follow_the_values_data() {
        QTest::addColumn<double>("percent");
        for (const double percent : {1.0, 10.0, 50.0, 90.0, 99.0, 99.9})
            QTest::newRow(std::to_string(percent).c_str()) << percent;
    }
    void histogram_percentiles_follow_the_values() {
        QFETCH(double, percent);
        std::vector<float> values = heavy_tailed(50000, 3);
        values[17] = 1e30F; // one outlier must not move anything else
        Histogram histogram;
        static_cast<void>(column_stats(values.data(), 50000, 1, histogram));
        std::ranges::sort(values);
        const auto exact = [&](const std::vector<float>& sorted) {
            return double(sorted[static_cast<std::size_t>(percent / 100 * double(sorted.size() - 1))]);
        };
        // A bin is 9 % wide; interpolation inside it does better, except where the density is steep (around zero).
        const double from_histogram = histogram.percentile(percent);
        QVERIFY2(std::abs(from_histogram - exact(values)) < 0.03 * std::abs(exact(values)) + 1e-6,
                 std::to_string(from_histogram).c_str());
        for (float& value : values) value = std::abs(value);
        std::ranges::sort(values);
        QVERIFY(close(histogram.magnitude_percentile(percent), exact(values), 0.03));
        QVERIFY(close(100 * histogram.share_below(exact(values)), percent, 0.05));
    }

    void rebinning_keeps_counts() {
        const std::vector<float> values = heavy_tailed(10000, 5);
        Histogram histogram;
        static_cast<void>(column_stats(values.data(), 10000, 1, histogram));
        double total = 0;
        for (const double count : histogram.rebin(-1e6, 1e6, 37)) total += count;
        QVERIFY(close(total, 10000, 1e-9));
        const auto inside =
            static_cast<double>(std::ranges::count_if(values, [](float value) { return value >= -1 && value < 1; }));
        total = 0;
        for (const double count : histogram.rebin(-1, 1, 64)) total += count;
        QVERIFY(close(total, inside, 0.01));
        QVERIFY(histogram.rebin(1, 1, 8) == std::vector<double>(8));
        QVERIFY(Histogram().rebin(0, 1, 3) == std::vector<double>(3));
        QCOMPARE(Histogram().percentile(50), 0.0);
    }

    void underflow_leaves_exact_zeros_out() {
        const std::vector<float> values = {0, 0, 0.001F, 1, 2, 3, 4, 5};
        Histogram histogram;
        static_cast<void>(column_stats(values.data(), 8, 1, histogram));
        QCOMPARE(underflow_share(histogram, 0.5), 1.0 / 6);
    }

    /// Segments of several samples, put together, are what each bucket's rows give at once.
    void buckets_are_the_first_positions_of_every_sample() {
        constexpr std::int64_t samples = 3, length = 100, columns = 5;
        const std::vector<float> values = heavy_tailed(samples * length * columns, 11);
        const StatisticsPlan plan{samples, length, bucket_lengths(length), {}};
        std::vector<double> memory(SiteAccumulators::bytes(2, columns) / sizeof(double));
        const SiteAccumulators sums(memory.data(), 2, columns);
        cpu_backend().accumulate_statistics({values.data(), ValueType::f32, samples, length, columns, columns},
                                            plan.ends, std::vector<std::int64_t>(2), sums, nullptr, {});
        const std::vector<std::int64_t> rows_seen = {samples * 64, samples * 36};
        const SiteStats stats = site_statistics(SiteId{0}, plan, columns, rows_seen, sums, {});
        QCOMPARE(stats.buckets.size(), std::size_t{2});
        for (const BucketStats& bucket : stats.buckets) {
            std::vector<float> rows;
            for (std::int64_t sample = 0; sample < samples; ++sample) {
                const auto begin = values.begin() + sample * length * columns;
                rows.insert(rows.end(), begin, begin + bucket.length * columns);
            }
            Histogram histogram;
            const ChannelStats expected = column_stats(rows.data(), samples * bucket.length, columns, histogram);
            QCOMPARE(bucket.channels.tokens, samples * bucket.length);
            QCOMPARE(bucket.channels.minimum, expected.minimum);
            QCOMPARE(bucket.channels.maximum, expected.maximum);
            QVERIFY(bucket.histogram == histogram);
            for (std::size_t c = 0; c < columns; ++c) {
                QVERIFY(close(bucket.channels.mean[c], expected.mean[c], 1e-9));
                QVERIFY(close(bucket.channels.m2[c], expected.m2[c], 1e-11));
                QVERIFY(close(bucket.channels.m3[c], expected.m3[c], 1e-8));
                QVERIFY(close(bucket.channels.m4[c], expected.m4[c], 1e-11));
            }
        }
    }

    void bucket_lengths_double_up_to_the_sample() {
        QCOMPARE(bucket_lengths(512), (std::vector<std::int64_t>{64, 128, 256, 512}));
        QCOMPARE(bucket_lengths(300), (std::vector<std::int64_t>{64, 128, 256, 300}));
        QCOMPARE(bucket_lengths(64), (std::vector<std::int64_t>{64}));
        QCOMPARE(bucket_lengths(10), (std::vector<std::int64_t>{10}));
    }
};

GRATICULE_TEST(TestStatsChannel);
#include "tst_stats_channel.moc"
