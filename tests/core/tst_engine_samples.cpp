// Random calibration windows against what Python draws (golden_vectors.json).
#include <QtTest/QTest>

#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>

#include "core/base/python_random.h"
#include "core/engine/engine.h"
#include "tests/support/shared_data.h"
#include "tests/support/test_main.h"

using namespace graticule;

class TestEngineSamples : public QObject {
    Q_OBJECT

    nlohmann::json golden_;

private Q_SLOTS:
    void initTestCase() {
        GRATICULE_NEEDS_SHARED("reference/golden_vectors.json");
        std::ifstream file(testing::shared_dir() / "reference/golden_vectors.json");
        golden_ = nlohmann::json::parse(file);
    }

    void windows_are_pythons_data() {
        QTest::addColumn<QString>("record");
        QTest::addColumn<quint64>("seed");
        QTest::addColumn<int>("last");
        QTest::newRow("seed 0") << "python_random_seed0_randint_0_340000" << quint64{0} << 340000;
        QTest::newRow("seed 42") << "python_random_seed42_randint_0_99" << quint64{42} << 99;
    }
    /// Token i of the text is i, so that a sample begins with where it begins: randint(0, tokens - length - 1).
    void windows_are_pythons() {
        QFETCH(QString, record);
        QFETCH(quint64, seed);
        QFETCH(int, last);
        const nlohmann::json& expected = golden_.at(record.toStdString());
        CalibrationSpec spec;
        spec.pick = CalibrationSpec::Pick::random;
        spec.samples = static_cast<std::int64_t>(expected.size());
        spec.length = 2;
        spec.seed = seed;
        std::vector<std::int32_t> ids(static_cast<std::size_t>(last + spec.length + 1));
        std::iota(ids.begin(), ids.end(), 0);
        const auto samples = pick_samples(ids, spec);
        QCOMPARE(samples.size(), expected.size());
        for (std::size_t i = 0; i < samples.size(); ++i) QCOMPARE(samples[i].front(), expected[i].get<int>());
    }

    /// The C4 loaders draw a document, then an offset in it.
    void alternating_bounds() {
        PythonRandom random(0);
        const nlohmann::json& expected = golden_.at("python_random_seed0_alternating").at("values");
        QVERIFY(!expected.empty());
        for (std::size_t i = 0; i < expected.size(); ++i)
            QCOMPARE(random.below(i % 2 == 0 ? 356317 : 2000), expected[i].get<std::uint64_t>());
    }

    /// random.seed(2**40 + 7); [random.randrange(1000) for _ in range(4)], from CPython 3.11.
    void seeds_beyond_one_word() {
        PythonRandom random((std::uint64_t{1} << 40) + 7);
        const std::uint64_t drawn[] = {628, 765, 834, 960};
        for (const std::uint64_t expected : drawn) QCOMPARE(random.below(1000), expected);
    }
};

GRATICULE_TEST(TestEngineSamples);
#include "tst_engine_samples.moc"
