// How fast a model runs: what is measured of models that not every setting fits, what is refused beforehand, and what
// is said of figures that other work falsified.
#include <QTest>

#include <algorithm>
#include <cmath>

#include "core/engine/measure_speed.h"
#include "core/report/json_results.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/test_main.h"
#include "tests/support/tiny_model.h"

using namespace graticule;
using graticule::testing::TemporaryFolder;
using graticule::testing::TinyModel;
using graticule::testing::TinyShape;

namespace {

constexpr double giga = 1e9;

SpeedCeilings ceilings_of(double bytes, double floats, std::optional<double> integers) {
    SpeedCeilings ceilings;
    ceilings.bytes_per_second = bytes;
    ceilings.float_operations = floats;
    ceilings.integer_operations = integers;
    return ceilings;
}

SpeedPoint point_of(double least, double p10, double median, double p90) {
    SpeedPoint point;
    point.length = 64;
    point.least_seconds = least;
    point.p10_seconds = p10;
    point.seconds = median;
    point.p90_seconds = p90;
    return point;
}

SpeedRun run_on(std::vector<std::string> kernels) {
    SpeedRun run;
    run.name = "A16W4";
    for (std::string& kernel : kernels) run.kernels.push_back({std::move(kernel), {"q"}});
    return run;
}

} // namespace

class TestSpeed : public QObject {
    Q_OBJECT

private:
    TemporaryFolder folder_;

    OpenedModel made(std::int64_t hidden, std::int64_t intermediate, std::int64_t positions = 128) {
        TinyModel model("llama", {.hidden = hidden, .intermediate = intermediate});
        model.config["max_position_embeddings"] = positions;
        const std::filesystem::path path =
            folder_ / (std::to_string(hidden) + "x" + std::to_string(intermediate) + "x" + std::to_string(positions));
        model.write(path);
        JobContext ctx;
        return open_model(path, ctx);
    }

private Q_SLOTS:
    void settings_take_groups_that_divide_the_widths_data() {
        QTest::addColumn<int>("hidden");
        QTest::addColumn<int>("intermediate");
        QTest::addColumn<QString>("name");
        QTest::addColumn<QString>("line");
        QTest::newRow("128") << 128 << 256 << "A8W4 dual grain"
                             << "w=int4/asym/dual128 a=int8/sym/token";
        QTest::newRow("64") << 192 << 320 << "A8W4 dual grain g64"
                            << "w=int4/asym/dual64 a=int8/sym/token";
        QTest::newRow("32") << 128 << 96 << "A8W4 dual grain g32"
                            << "w=int4/asym/dual32 a=int8/sym/token";
        QTest::newRow("none") << 100 << 300 << "A8W4 dual grain" << QString();
    }
    void settings_take_groups_that_divide_the_widths() {
        QFETCH(int, hidden);
        QFETCH(int, intermediate);
        QFETCH(QString, name);
        QFETCH(QString, line);
        const OpenedModel opened = made(hidden, intermediate);
        const auto dual = std::ranges::find(speed_settings(), std::string_view("A8W4 dual grain"), &SpeedSetting::name);
        const FittedSetting found = fitted(*dual, *opened.model);
        QCOMPARE(QString::fromStdString(found.name), name);
        QCOMPARE(found.recipe ? QString::fromStdString(summary_line(*found.recipe)) : QString(), line);
        QCOMPARE(found.problem.empty(), found.recipe.has_value());
        if (!found.recipe)
            QVERIFY2(found.problem.find("group size 128 does not divide") != std::string::npos, found.problem.c_str());
        for (const SpeedSetting& setting : speed_settings())
            if (setting.recipe.find("128") == std::string_view::npos) {
                const FittedSetting other = fitted(setting, *opened.model);
                QVERIFY(other.recipe && other.name == setting.name);
            }
    }

    void what_does_not_fit_is_listed_and_the_rest_measured() {
        Workbench work;
        work.adopt(made(100, 300));
        JobContext ctx;
        int offered = 0;
        const auto study = measure_speed(work, {.lengths = {8}, .batches = {2}, .before = 16}, ctx,
                                         [&](const SpeedStudy& so_far) { offered += so_far.complete ? 100 : 1; });
        QCOMPARE(offered, 5); // none of them complete
        QVERIFY(study->complete && !study->failure);
        QCOMPARE(study->runs.size(), std::size_t{5});
        for (const SpeedRun& run : study->runs) {
            QCOMPARE(run.points.size(), std::size_t{2});
            const bool grouped = run.name == "A16W4" || run.name == "A8W4 dual grain";
            for (const SpeedPoint& point : run.points) {
                QCOMPARE(point.measured(), !grouped);
                QCOMPARE(point.seconds > 0, !grouped);
            }
        }
        QCOMPARE(study->problems().size(), std::size_t{1}); // of both
        QVERIFY(study->problems().front().starts_with("A16W4, A8W4 dual grain: layers.0."));
        const nlohmann::json value = to_json(*study);
        QVERIFY(value.at("complete").get<bool>() && value.at("failure").is_null());
        const nlohmann::json& first = value.at("runs").at(0).at("points").at(0);
        QCOMPARE(first.at("times_first").get<double>(), 1.0);
        double layers = 0;
        for (const nlohmann::json& layer : first.at("layers")) layers += layer.at("seconds").get<double>();
        QVERIFY(std::fabs(first.at("layers_seconds").get<double>() - layers) < 1e-12);
        const nlohmann::json& left_out = value.at("runs").at(2).at("points").at(0);
        QVERIFY(left_out.at("problem").is_string() && !left_out.contains("seconds"));
    }

    void passes_that_cannot_fit_are_refused_before_anything_is_measured() {
        Workbench work;
        work.adopt(made(64, 96, std::int64_t{1} << 20));
        JobContext ctx;
        int offered = 0;
        const SpeedSpec spec{.lengths = {8}, .batches = {1, 65536}, .before = std::int64_t{1} << 20};
        try {
            (void)measure_speed(work, spec, ctx, [&](const SpeedStudy&) { ++offered; });
            QFAIL("accepted");
        } catch (const Error& error) {
            QCOMPARE(error.info().kind, ErrorKind::out_of_memory);
            // Keys and values of two blocks, one head of 32, in float32: 2 x 2 x 32 x 65,536 x 1,048,575 x 4 bytes.
            for (const char* part : {"decode 65536 behind 1048575", "35.2 TB", "--batch", "--before"})
                QVERIFY2(error.info().message.find(part) != std::string::npos, error.what());
        }
        QCOMPARE(offered, 0);
    }

    /// Scratch memory that the products of a run share counts for every point, not for the first alone.
    void memory_of_a_pass_does_not_depend_on_the_passes_before() {
        Workbench work;
        work.adopt(made(256, 512));
        JobContext ctx;
        const auto peak = [&](std::vector<std::int64_t> lengths) {
            const auto study = measure_speed(work, {.lengths = std::move(lengths), .batches = {1}, .before = 0}, ctx);
            const auto run = std::ranges::find(study->runs, std::string("A8W4 dINT4"), &SpeedRun::name);
            const auto point = std::ranges::find(run->points, 64, &SpeedPoint::length);
            return static_cast<double>(point->peak_bytes);
        };
        const double alone = peak({64}), behind = peak({16, 64});
        QVERIFY2(std::fabs(alone - behind) < 2e6, qPrintable(QStringLiteral("%1, %2").arg(alone).arg(behind)));
    }

    void floors_are_those_of_the_best_ceilings() {
        SpeedStudy study;
        SpeedRun& run = study.runs.emplace_back();
        SpeedPoint& point = run.points.emplace_back(point_of(0.09, 0.1, 0.11, 0.12));
        point.shares.resize(2);
        point.shares[0].work = {{3, 1 * giga, 1 * giga, true}, {1, 0.5 * giga, 80 * giga, false}};
        study.take_ceilings(ceilings_of(100 * giga, 1000 * giga, 4000 * giga));
        // Three times 1 GB at 100 GB/s; 80 GFLOP at 1000 GFLOP/s.
        QVERIFY(std::fabs(point.floor_seconds - (0.03 + 0.08)) < 1e-12);
        QVERIFY(point.below_floor() && run.doubtful(point)); // 0.09 s
        QVERIFY(!point.shares[1].floor_seconds);
        study.take_ceilings(ceilings_of(50 * giga, 2000 * giga, 3000 * giga));
        QCOMPARE(study.ceilings.bytes_per_second, 100 * giga);
        QCOMPARE(study.ceilings.float_operations, 2000 * giga);
        QCOMPARE(study.ceilings.integer_operations.value(), 4000 * giga);
        QVERIFY(std::fabs(point.floor_seconds - (0.03 + 0.04)) < 1e-12);
        QVERIFY(!point.below_floor() && !run.doubtful(point));
    }

    void load_that_lasts_marks_a_run_though_its_passes_agree() {
        const SpeedCeilings best = ceilings_of(100, 1000, 4000);
        QCOMPARE(best.share_of(best), 1.0);
        QCOMPARE(ceilings_of(90, 700, 4000).share_of(best), 0.7);
        QCOMPARE(ceilings_of(90, 1000, 2000).share_of(best), 0.5);
        QCOMPARE(ceilings_of(90, 1000, {}).share_of(best), 0.9);
        SpeedRun run;
        const SpeedPoint steady = point_of(1, 1, 1.05, 1.1);
        run.device_share = 0.81;
        QVERIFY(!run.unsteady() && !run.doubtful(steady));
        QVERIFY(run.doubtful(point_of(1, 1, 1.1, 1.3)));
        run.device_share = 0.79;
        QVERIFY(run.unsteady() && run.doubtful(steady));
    }

    void what_stands_in_for_kernels_is_in_the_label() {
        QCOMPARE(run_on({"dense"}).label(), std::string("A16W4"));
        QCOMPARE(run_on({"integer avx512 vnni", "dense"}).label(), std::string("A16W4"));
        QCOMPARE(run_on({"w4a16 mma.sync, dense from 129 tokens"}).label(), std::string("A16W4"));
        QCOMPARE(run_on({"simulated"}).label(), std::string("A16W4 (simulated)"));
        QCOMPARE(run_on({"dense, of rounded inputs"}).label(), std::string("A16W4 (simulated)"));
        QCOMPARE(run_on({"dense", "w4a16 reference, dense from 9 tokens"}).label(), std::string("A16W4 (reference)"));
        QCOMPARE(run_on({"integer avx2", "int reference"}).label(), std::string("A16W4 (partly reference)"));
    }

    void problems_are_told_once_a_reason() {
        SpeedStudy study;
        for (const char* name : {"A8W8", "A16W4"}) {
            SpeedRun& run = study.runs.emplace_back();
            run.name = name;
            for (const std::int64_t batch : {1, 16, 64}) {
                SpeedPoint& point = run.points.emplace_back();
                point.phase = SpeedPhase::decode;
                point.batch = batch;
                point.before = 8;
                if (batch > 1) point.problem = "too large";
            }
        }
        QCOMPARE(study.problems(),
                 std::vector<std::string>{"A8W8, A16W4 at decode 16 behind 8, decode 64 behind 8: too large"});
        study.runs[1].points[0].problem = "too large";
        QCOMPARE(study.problems(),
                 (std::vector<std::string>{"A8W8 at decode 16 behind 8, decode 64 behind 8: too large",
                                           "A16W4: too large"}));
    }
};

GRATICULE_TEST(TestSpeed);
#include "tst_speed.moc"
