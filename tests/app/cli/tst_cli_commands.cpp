// The command line's contract: one JSON value on stdout, figures that agree with the fixtures, results that repeat.
#include <QFile>
#include <QTemporaryDir>
#include <algorithm>
#include <cmath>
#include <map>

#include "tests/app/cli/cli_process.h"
#include "tests/support/shared_data.h"
#include "tests/support/test_main.h"

using namespace graticule::testing;
using nlohmann::json;

class TestCliCommands : public QObject {
    Q_OBJECT

    QTemporaryDir dir_;
    QString at(const QString& name) const { return dir_.filePath(name); }

    static QByteArray bytes_of(const QString& file) {
        QFile in(file);
        return in.open(QIODevice::ReadOnly) ? in.readAll() : QByteArray("(cannot be read)");
    }

private Q_SLOTS:
    void listsAreJsonArrays_data() {
        QTest::addColumn<QString>("command");
        QTest::addColumn<QString>("has");
        QTest::newRow("formats") << "formats"
                                 << "dint4";
        QTest::newRow("methods") << "methods"
                                 << "smoothquant";
        QTest::newRow("presets") << "presets"
                                 << "smoothquant-w8a8";
        QTest::newRow("families") << "families"
                                  << "opt";
        QTest::newRow("exporters") << "exporters"
                                   << "compressed-tensors";
    }
    void listsAreJsonArrays() {
        QFETCH(QString, command);
        QFETCH(QString, has);
        const Outcome done = run_cli({command, "--json"});
        QCOMPARE(done.code, 0);
        QVERIFY2(done.err.isEmpty(), done.err);
        const json all = done.json();
        QVERIFY(all.is_array());
        bool found = false;
        for (const json& row : all) {
            found = found || row.at("name") == has.toStdString();
            QVERIFY2(!row.at("help").get<std::string>().empty(), row.dump().c_str());
        }
        QVERIFY2(found, done.out);
        const Outcome table = run_cli({command});
        QVERIFY2(table.out.contains(has.toUtf8()) || table.out.contains(has.toUpper().toUtf8()), table.out);
    }

    void formatsSayWhatAUnitCosts() {
        const json all = run_cli({"formats", "--json"}).json();
        int units = 0;
        for (const json& format : all)
            for (const json& unit : format.value("units", json::array())) { // block formats have none
                ++units;
                QVERIFY(unit.at("relative_area").get<double>() > 0 && unit.at("relative_power").get<double>() > 0);
                QVERIFY(unit.at("source").get<std::string>().find("docs/results/mac_unit.md") != std::string::npos);
                if (unit.at("unit") == "int8_int8") QCOMPARE(unit.at("relative_area").get<double>(), 1.0);
            }
        QCOMPARE(units, 7);
        const Outcome table = run_cli({"formats"});
        QVERIFY2(table.out.contains("dINT4 × INT8") && table.out.contains("no other pair has a unit"), table.out);
    }

    void whatNeedsNoTorchDoesNotLoadIt() {
        QProcess process; // with this the loader lists what it would load, and nothing runs
        QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
        environment.insert(QStringLiteral("LD_TRACE_LOADED_OBJECTS"), QStringLiteral("1"));
        process.setProcessEnvironment(environment);
        process.start(cli_program(), {});
        const Outcome light = collect(process);
        QVERIFY2(light.out.contains("libstdc++") && !light.out.contains("libtorch"), light.out);
        // Alone it still does its part, and says where the rest belongs.
        const QTemporaryDir folder;
        const QString alone = folder.filePath(QStringLiteral("graticule-cli"));
        QVERIFY(QFile::copy(cli_program(), alone));
        process.setProcessEnvironment(QProcessEnvironment::systemEnvironment());
        process.start(alone, {QStringLiteral("formats")});
        QCOMPARE(collect(process).code, 0);
        process.start(alone, {QStringLiteral("selftest")});
        const Outcome without = collect(process);
        QCOMPARE(without.code, 1);
        QVERIFY2(without.err.contains("graticule-engine: No such file"), without.err);
    }

    void helpNamesTheOptionsOfEveryCommand_data() {
        QTest::addColumn<QString>("command");
        for (const char* command :
             {"info",     "calibrate",   "tokenize", "logits",    "quantize", "eval",   "compare", "task",
              "generate", "sensitivity", "search",   "slac",      "speed",    "export", "run",     "formats",
              "methods",  "presets",     "families", "exporters", "selftest", "worker"})
            QTest::newRow(command) << command;
    }
    void helpNamesTheOptionsOfEveryCommand() {
        QFETCH(QString, command);
        const Outcome help = run_cli({command, "--help"});
        QCOMPARE(help.code, 0);
        for (const char* option : {"--json", "--quiet", "--device"}) QVERIFY2(help.out.count(option) == 1, help.out);
    }

    void infoTellsWhatWasTakenFromWhere() {
        const json info = run_cli({"info", "sample-opt", "--json"}).json();
        QCOMPARE(info.at("family").get<std::string>(), std::string("opt"));
        QCOMPARE(info.at("linears").size(), std::size_t{48}); // 8 blocks of q k v out fc1 fc2
        QCOMPARE(info.at("config").at("hidden").get<int>(), 256);
        QVERIFY(!info.at("fold_sites").empty());
        bool weights = false;
        for (const json& file : info.at("files"))
            weights = weights || file.at("path").get<std::string>().ends_with("model.safetensors");
        QVERIFY(weights);
    }

    void slacGivesRatiosByLengthAndAdvice() {
        const json value = run_cli({"slac", "sample-llama", "--lengths", "64,128", "--tokens", "256", "--target", "50",
                                    "--json", "--quiet"})
                               .json();
        QCOMPARE(value.at("inputs").size(), std::size_t{32}); // 8 blocks of four inputs
        for (const json& input : value.at("inputs")) {
            QCOMPARE(input.at("lengths").size(), std::size_t{2});
            for (const json& at : input.at("lengths")) QVERIFY(at.at("update_ratio").get<double>() > 0);
        }
        QCOMPARE(value.at("advice").at("paper_length").get<int>(), 64);
        QVERIFY(value.at("matrix").is_null());
        const Outcome wrong = run_cli({"slac", "sample-llama", "--evaluate", "64"});
        QCOMPARE(wrong.code, 2);
        QVERIFY2(wrong.err.contains("give --recipe"), wrong.err);
    }

    void float64IsForEverythingButIntegers() {
        const QStringList brief{"--window", "64", "--windows", "1", "--precision", "float64", "--json", "--quiet"};
        const Outcome calibrated =
            run_cli(QStringList{"eval", "sample-opt", "--recipe", "w=int4/asym/channel smoothquant:alpha=0.5"} + brief);
        QVERIFY2(calibrated.code == 0, calibrated.err);
        const Outcome refused =
            run_cli(QStringList{"eval", "sample-opt", "--recipe", "w=int4 a=int8", "--arithmetic", "integer"} + brief);
        QCOMPARE(refused.code, 4);
        QVERIFY2(refused.out.contains("not float64"), refused.out);
    }

    void aWindowThatIsTooLongIsRefusedBeforeTheWork() {
        const Outcome refused =
            run_cli({"eval", "sample-opt", "--recipe", "w=int4", "--window", "4096", "--windows", "1"});
        QCOMPARE(refused.code, 3);
        QVERIFY2(refused.err.contains("4096 tokens are more than the 2048 positions"), refused.err);
        QVERIFY2(!refused.err.contains("quantized"), refused.err);
    }

    void generateSaysWhatItsSpeedIsOf() {
        const QStringList words{"generate", "sample-llama", "--recipe", "w=int8/sym/channel a=int8/sym/token",
                                "--prompt", "It was",       "--tokens", "4",
                                "--quiet"};
        const Outcome simulated = run_cli(words);
        QVERIFY2(simulated.code == 0 && simulated.out.contains("of simulated rounding"), simulated.out);
        const Outcome integer = run_cli(words + QStringList{"--arithmetic", "integer"});
        QVERIFY2(integer.out.contains("of integer products") && !integer.out.contains("simulated"), integer.out);
        // The first two tokens are the warm-up.
        for (const auto& [tokens, known] : {std::pair{"2", false}, std::pair{"3", true}}) {
            const json value =
                run_cli({"generate", "sample-llama", "--prompt", "It was", "--tokens", tokens, "--json", "--quiet"})
                    .json();
            QCOMPARE(value.at("continuations").at(0).at("tokens_per_second").is_number(), known);
        }
    }

    void speedTimesEveryPointAndNamesItsKernels() {
        const Outcome done =
            run_cli({"speed", "sample-llama", "--lengths", "64,16", "--batch", "1,4", "--json", "--quiet"});
        QCOMPARE(done.code, 0);
        QVERIFY2(done.err.isEmpty(), done.err);
        const json value = done.json();
        const json& ceilings = value.at("ceilings");
        for (const char* rate : {"bytes_per_second", "float_operations_per_second", "integer_operations_per_second"})
            QVERIFY2(ceilings.at(rate).get<double>() > 1e8, rate);
        const auto close = [](double a, double b) { return std::fabs(a - b) <= 1e-9 * std::fabs(b); };
        constexpr double head_bytes = 5120 * 256 * 4;
        constexpr double kept_bytes = 0.9 * 2 * 8 * (2 * 64) * 512 * 4; // keys and values, 8 blocks; pages are whole
        std::map<std::string, double> weight_bytes;
        bool reference = false;
        for (const json& run : value.at("runs")) {
            const std::string name = run.at("name");
            weight_bytes[name] = run.at("weight_bytes").get<double>();
            // Without AVX-512 VNNI there is no other row for 8-bit weights; the definition holds 16 bits for each.
            reference = reference || (name == "A8W8" && run.at("kernels").at(0).at("kernel") == "int reference");
            std::map<std::string, std::string> kernel_of;
            for (const json& use : run.at("kernels"))
                for (const json& layer : use.at("layers")) kernel_of[layer] = use.at("kernel");
            QCOMPARE(kernel_of.size(), std::size_t{7}); // q k v o gate up down
            QCOMPARE(run.at("stand_in").is_null(),
                     kernel_of.at("q") != "simulated" && kernel_of.at("q").find("reference") == std::string::npos);
            std::vector<std::pair<std::string, std::int64_t>> shapes;
            for (const json& point : run.at("points")) {
                const auto tokens = point.at("tokens").get<std::int64_t>();
                shapes.emplace_back(point.at("phase"), tokens);
                QCOMPARE(point.at("tokens_before").get<int>(), point.at("phase") == "decode" ? 512 : 0);
                QCOMPARE(tokens, point.at("batch").get<std::int64_t>() * point.at("length").get<std::int64_t>());
                const double seconds = point.at("seconds").get<double>();
                QVERIFY(seconds > 0 && point.at("least_seconds").get<double>() <= seconds);
                QVERIFY(close(point.at("tokens_per_second").get<double>(), static_cast<double>(tokens) / seconds));
                QVERIFY(point.at("passes").get<int>() >= 3);
                const double p10 = point.at("p10_seconds").get<double>(), p90 = point.at("p90_seconds").get<double>();
                QVERIFY(point.at("least_seconds").get<double>() <= p10 && p10 <= seconds && seconds <= p90);
                QCOMPARE(point.at("unsteady").get<bool>(), p90 > 1.25 * p10);
                // Of every decoding point: its own keys and values, whatever ran before it.
                const double kept = point.at("phase") == "decode" ? kept_bytes * point.at("batch").get<double>() : 0;
                QVERIFY2(point.at("peak_bytes").get<double>() >= weight_bytes[name] + head_bytes + kept,
                         qPrintable(QString::fromStdString(point.dump())));
                double share = 0, floor = 0, all = 0;
                std::size_t linears = 0;
                for (const json& layer : point.at("layers")) all += layer.at("seconds").get<double>();
                for (const json& layer : point.at("layers")) {
                    share += layer.at("share").get<double>();
                    QVERIFY(close(layer.at("share").get<double>(), layer.at("seconds").get<double>() / all));
                    if (!layer.at("floor_seconds").is_null()) floor += layer.at("floor_seconds").get<double>();
                    if (layer.at("kernel").is_null()) continue;
                    ++linears;
                    QCOMPARE(layer.at("kernel").get<std::string>(), kernel_of.at(layer.at("kind")));
                    QVERIFY(layer.at("seconds").get<double>() > 0 && layer.at("floor_seconds").get<double>() > 0);
                }
                QCOMPARE(linears, kernel_of.size());
                QVERIFY(close(share, 1));
                QVERIFY(close(point.at("layers_seconds").get<double>(), all));
                QVERIFY(point.at("problem").is_null() && point.at("one_by_one_seconds").is_null()); // no card
                QVERIFY(close(point.at("floor_seconds").get<double>(), floor));
            }
            using Shapes = std::vector<std::pair<std::string, std::int64_t>>;
            QCOMPARE(shapes, (Shapes{{"prefill", 16}, {"prefill", 64}, {"decode", 1}, {"decode", 4}}));
            const bool integers = name.find("A8") == 0;
            QCOMPARE(run.at("execution").get<std::string>().find("integer arithmetic") != std::string::npos,
                     !run.at("recipe").is_null());
            for (const auto& [layer, kernel] : kernel_of) {
                QCOMPARE(kernel == "dense", name == "float32");
                QCOMPARE(kernel != "dense" && kernel != "simulated", integers);
            }
        }
        // What is held: 32, 8 and a little over 4 bits for each weight.
        QCOMPARE(weight_bytes.size(), std::size_t{5});
        QVERIFY(weight_bytes.at("A8W8") < (reference ? 0.55 : 0.3) * weight_bytes.at("float32"));
        QVERIFY(weight_bytes.at("A8W4 dual grain") < 0.15 * weight_bytes.at("float32"));
        QVERIFY(weight_bytes.at("A8W4 dINT4") < 0.15 * weight_bytes.at("float32"));
    }
    void speedRefusesWhatItCannotTime() {
        const Outcome longer = run_cli({"speed", "sample-opt", "--lengths", "100000"});
        QCOMPARE(longer.code, 3);
        QVERIFY2(longer.err.contains("100000 tokens are more than its"), longer.err);
        const Outcome none = run_cli({"speed", "sample-opt", "--batch", "0"});
        QCOMPARE(none.code, 2);
        QVERIFY2(none.err.contains("--batch"), none.err);
        const Outcome large = run_cli({"speed", "sample-opt", "--batch", "1,65536", "--before", "2000"});
        QCOMPARE(large.code, 5); // 2 TB of keys and values
        for (const char* part : {"decode 65536 behind 2000", " TB on cpu", "--batch or --before"})
            QVERIFY2(large.err.contains(part), large.err);
        const Outcome recipe = run_cli({"speed", "sample-opt", "--recipe", "w=int4/asym/g100"});
        QCOMPARE(recipe.code, 3);
        QVERIFY2(recipe.err.contains("100"), recipe.err);
    }

    void evalPrintsItsProtocol() {
        const Outcome done =
            run_cli({"eval", "sample-llama", "--window", "256", "--windows", "3", "--json", "--quiet"});
        QCOMPARE(done.code, 0);
        QVERIFY2(done.err.isEmpty(), done.err);
        const json value = done.json();
        QCOMPARE(value.at("windows").get<int>(), 3);
        QCOMPARE(value.at("tokens").get<int>(), 3 * 255);
        QCOMPARE(value.at("protocol").at("window").get<int>(), 256);
        double sum = 0;
        for (const double loss : value.at("window_losses")) sum += loss;
        QVERIFY(std::fabs(value.at("perplexity").get<double>() - std::exp(sum / 3)) < 1e-9);
        QVERIFY(value.at("standard_error").get<double>() > 0);
        QVERIFY(value.at("seconds").get<double>() > 0);
    }

    /// The names that other programs rely on.
    void evalMeasuresDivergence() {
        const QStringList eval{"eval", "sample-llama", "--recipe", "w=int4/asym/g64", "--window",
                               "128",  "--windows",    "3",        "--json",          "--quiet"};
        const Outcome done = run_cli(eval + QStringList{"--metric", "divergence"});
        QCOMPARE(done.code, 0);
        const json value = done.json(), divergence = value.at("divergence");
        for (const char* field : {"mean", "median", "p90", "p99", "maximum"})
            QVERIFY2(divergence.at(field).get<double>() > 0, field);
        QVERIFY(divergence.at("p99") <= divergence.at("maximum") && divergence.at("median") < divergence.at("p90"));
        const double same = divergence.at("same_first_choice");
        QVERIFY(same > 0.3 && same < 1);
        double sum = 0;
        for (const double mean : divergence.at("window_means")) sum += mean;
        QCOMPARE(divergence.at("window_means").size(), std::size_t{3});
        QVERIFY(std::fabs(sum / 3 - divergence.at("mean").get<double>()) < 1e-9);
        QVERIFY(divergence.at("interval")[0] < divergence.at("mean"));
        QCOMPARE(divergence.at("tokens").get<int>(), 3 * 127);
        const json& parting = divergence.at("first_parting");
        QCOMPARE(parting.at("window_tokens").size(), std::size_t{3});
        QVERIFY(parting.at("share") == 1 && parting.at("median") >= 1 && parting.at("median") < 127);
        // The losses of both are what each alone has.
        QCOMPARE(value.at("window_losses"), run_cli(eval).json().at("window_losses"));
        QVERIFY(value.at("baseline").at("perplexity") < value.at("perplexity"));
        const QByteArray text = run_cli({"eval", "sample-llama", "--recipe", "w=int4/asym/g64", "--window", "128",
                                         "--windows", "3", "--quiet", "--metric", "divergence"})
                                    .out;
        for (const char* part : {"nats per token", "same first choice", "first choices part", "verdict"})
            QVERIFY2(text.contains(part), text);
    }

    void tasksAreAnswered() {
        QFile file(at("own.jsonl"));
        QVERIFY(file.open(QIODevice::WriteOnly));
        for (int i = 0; i < 12; ++i)
            file.write(R"({"context": "Then they went to )" + QByteArray(i % 3, 'a') +
                       R"( the", "choices": ["house", "zebra qx", "of"], "gold": )" + QByteArray::number(i % 3) +
                       "}\n");
        file.close();
        const QStringList task{"task",          "sample-llama", "--task", "multiple_choice", "--file",
                               at("own.jsonl"), "--items",      "9",      "--json",          "--quiet"};
        const json plain = run_cli(task).json();
        QCOMPARE(plain.at("items").get<int>(), 9);
        const std::string correct = plain.at("correct");
        QCOMPARE(correct.size(), std::size_t{9});
        QVERIFY(correct.find_first_not_of("01") == std::string::npos);
        const double right = double(std::ranges::count(correct, '1'));
        QVERIFY(std::fabs(plain.at("accuracy").get<double>() - right / 9) < 1e-12);
        QVERIFY(plain.contains("accuracy_norm") && !plain.contains("flips"));
        QVERIFY(plain.at("accuracy_interval")[0] <= plain.at("accuracy"));
        for (std::size_t i = 0; i < 9; ++i) { // the answer is the choice with the largest score
            const auto scores = plain.at("scores")[i].get<std::vector<double>>();
            const auto largest = std::ranges::max_element(scores) - scores.begin();
            QCOMPARE(correct[i] == '1', largest == std::ptrdiff_t(i % 3));
        }
        const json coarse = run_cli(task + QStringList{"--recipe", "w=int2/asym/channel"}).json();
        QCOMPARE(coarse.at("baseline").at("scores"), plain.at("scores")); // beside a recipe as alone
        std::size_t flipped = 0;
        for (std::size_t i = 0; i < 9; ++i) flipped += coarse.at("correct").get<std::string>()[i] != correct[i];
        const json& flips = coarse.at("flips");
        QCOMPARE(flips.at("became_right").size() + flips.at("became_wrong").size(), flipped);
        QVERIFY(flips.at("p_value").get<double>() <= 1);
        const Outcome broken = run_cli({"task", "sample-llama", "--task", "piqa", "--file", at("own.jsonl")});
        QCOMPARE(broken.code, 3);
        QVERIFY2(broken.err.contains("own.jsonl, line 1") && broken.err.contains("\"goal\" is missing"), broken.err);
    }

    void precisionIsPartOfTheProtocol() {
        const QStringList eval{"eval", "sample-llama", "--window", "128", "--windows", "2", "--json", "--quiet"};
        const json exact = run_cli(eval).json();
        QCOMPARE(exact.at("protocol").at("precision").get<std::string>(), std::string("float32"));
        QCOMPARE(exact.at("protocol").at("arithmetic").get<std::string>(), std::string("simulated"));
        QCOMPARE(exact.at("kernels").at(0).at("kernel").get<std::string>(), std::string("dense"));
        const json coarse = run_cli(eval + QStringList{"--precision", "bfloat16"}).json();
        QCOMPARE(coarse.at("protocol").at("precision").get<std::string>(), std::string("bfloat16"));
        QCOMPARE(coarse.at("provenance").at("execution").get<std::string>(), std::string("bfloat16"));
        const double ratio = coarse.at("perplexity").get<double>() / exact.at("perplexity").get<double>();
        QVERIFY2(ratio != 1 && std::abs(ratio - 1) < 0.01, std::to_string(ratio).c_str());
        const Outcome unknown = run_cli(eval + QStringList{"--precision", "half"});
        QCOMPARE(unknown.code, 2);
        QVERIFY2(unknown.out.contains("float16"), unknown.out);
    }

    void oneWindowHasNoSpread() {
        const QStringList one{"--window", "64", "--windows", "1", "--quiet"};
        const json value = run_cli(QStringList{"eval", "sample-opt", "--json"} + one).json();
        QVERIFY(value.at("standard_error").is_null());
        QVERIFY(value.at("stored_quantization").is_null()); // of a model that is stored as it was trained
        const QStringList compare = QStringList{"compare", "sample-opt", "--recipe", "w=int4"} + one;
        const Outcome text = run_cli(compare);
        QVERIFY2(text.out.count(" (one window)") == 2, text.out);
        QVERIFY2(!text.out.contains("0.0000") && !text.out.contains("inf"), text.out);
        const json difference = run_cli(compare + QStringList{"--json"}).json().at("differences")[0].at("difference");
        for (const char* field : {"interval_low", "interval_high", "log_ratio_error"})
            QVERIFY2(difference.at(field).is_null(), field);
        QVERIFY(!difference.at("significant").get<bool>());
        QVERIFY(difference.at("perplexity_difference").get<double>() > 0);
    }

    void compareGivesEveryPair() {
        const Outcome done =
            run_cli({"compare", "sample-opt", "--recipe", "w=int4/asym/channel", "--recipe", "w=dint4/asym/channel",
                     "--window", "256", "--windows", "4", "--json", "--quiet"});
        QCOMPARE(done.code, 0);
        const json value = done.json();
        QCOMPARE(value.at("runs").size(), std::size_t{3});
        QCOMPARE(value.at("differences").size(), std::size_t{3});
        for (const json& pair : value.at("differences")) {
            const json& runs = value.at("runs");
            const double expected = runs[pair.at("run").get<std::size_t>()].at("perplexity").get<double>() -
                                    runs[pair.at("baseline").get<std::size_t>()].at("perplexity").get<double>();
            const json& difference = pair.at("difference");
            QVERIFY(std::fabs(difference.at("perplexity_difference").get<double>() - expected) < 1e-9);
            QVERIFY(difference.at("interval_low") < difference.at("interval_high"));
        }
    }

    void logitsAgreeWithTransformers_data() {
        QTest::addColumn<QString>("family");
        for (const char* family : {"opt", "llama", "llama_gqa_tied", "qwen2"}) QTest::newRow(family) << family;
    }
    void logitsAgreeWithTransformers() {
        GRATICULE_NEEDS_SHARED("fixtures/families/opt/expected.safetensors");
        QFETCH(QString, family);
        const QString folder =
            QString::fromStdString((shared_dir() / "fixtures/families" / family.toStdString()).string());
        const QString out = at("logits.safetensors");
        const Outcome done =
            run_cli({"logits", folder, "--ids", folder + "/expected.safetensors", "--out", out, "--json"});
        QVERIFY2(done.code == 0, done.out);
        const auto floats = [](const QString& file, const char* name) {
            const QByteArray bytes = bytes_of(file);
            std::uint64_t length = 0;
            std::memcpy(&length, bytes.constData(), 8);
            const json header = json::parse(bytes.mid(8, static_cast<qsizetype>(length)).toStdString());
            const auto offsets = header.at(name).at("data_offsets").get<std::vector<std::uint64_t>>();
            std::vector<float> values((offsets[1] - offsets[0]) / 4);
            std::memcpy(values.data(), bytes.constData() + 8 + length + offsets[0], values.size() * 4);
            return values;
        };
        const std::vector<float> got = floats(out, "logits"),
                                 expected = floats(folder + "/expected.safetensors", "logits");
        QCOMPARE(got.size(), expected.size());
        float largest = 0;
        for (std::size_t i = 0; i < got.size(); ++i) largest = std::max(largest, std::fabs(got[i] - expected[i]));
        QVERIFY2(largest < 2e-4F, qPrintable(QString::number(largest)));
    }

    void calibrateSortsWorstFirst() {
        const json value =
            run_cli({"calibrate", "sample-llama", "--calib-samples", "2", "--calib-length", "128", "--json", "--quiet"})
                .json();
        const json& layers = value.at("layers");
        QCOMPARE(layers.size(), std::size_t{56});
        for (std::size_t i = 1; i < layers.size(); ++i)
            QVERIFY(layers[i - 1].at("outlier_ratio").get<double>() >= layers[i].at("outlier_ratio").get<double>());
        QVERIFY(value.at("seconds_observing").get<double>() > 0);
        QCOMPARE(layers[0].at("lengths").back().at("length").get<int>(), 128);
    }

    void runGivesTheSameBytesTwice() {
        const QStringList words{"run",
                                "w=int4/sym/g128 a=int8/sym/token smoothquant:alpha=0.5",
                                "--model",
                                "sample-opt",
                                "--window",
                                "128",
                                "--windows",
                                "3",
                                "--calib-samples",
                                "2",
                                "--calib-length",
                                "128",
                                "--quiet",
                                "--json",
                                "--out"};
        const Outcome first = run_cli(words + QStringList{at("one")});
        QVERIFY2(first.code == 0, first.out);
        QCOMPARE(run_cli(words + QStringList{at("two")}).code, 0);
        const QStringList expected{"graticule.json", "layers.csv", "model", "recipe.json", "report.json", "report.md"};
        QCOMPARE(entries(at("one")), expected);
        for (const QString& folder : {QString(), QStringLiteral("/model")})
            for (const QString& name : entries(at("one") + folder)) {
                const QString file = folder + "/" + name;
                if (name == "model") continue;
                QVERIFY2(bytes_of(at("one") + file) == bytes_of(at("two") + file), qPrintable(file));
            }
        QVERIFY(bytes_of(at("one/report.md")).contains("Products: q, k, v, o, fc1, fc2: simulated.")); // the kernels
        QVERIFY(entries(at("one/model")).contains("config.json"));
        QVERIFY(entries(at("one/model")).contains("tokenizer.json"));

        // The folder holds the model in one of its own, and says so.
        const Outcome lost = run_cli({"info", at("one")});
        QCOMPARE(lost.code, 3);
        QVERIFY2(lost.err.contains("open " + at("one/model").toUtf8()), lost.err);
        readBack(first.json().at("evaluation").at("perplexity").get<double>());
    }

private:
    /// What that run exported: quantized weights, labelled as that; its inputs are quantized where a recipe says so.
    void readBack(double perplexity_of_run) {
        const QStringList eval{"eval", at("one/model"), "--window", "128", "--windows", "3", "--quiet"};
        const Outcome plain = run_cli(eval + QStringList{"--json"});
        QVERIFY2(plain.code == 0, plain.out);
        const json value = plain.json(), stored = value.at("stored_quantization");
        QCOMPARE(value.at("run").get<std::string>(), std::string("as stored"));
        QCOMPARE(stored.at("input_recipe").get<std::string>(), std::string("a=int8/sym/token"));
        const double bits = stored.at("bits_per_weight").get<double>();
        QVERIFY2(bits > 4 && bits < 4.5, std::to_string(bits).c_str());
        QVERIFY(std::fabs(value.at("perplexity").get<double>() / perplexity_of_run - 1) < 0.05);
        const json same = run_cli(eval + QStringList{"--json", "--recipe", "a=int8/sym/token"}).json();
        QCOMPARE(same.at("kernels").at(0).at("kernel").get<std::string>(), std::string("dense, of rounded inputs"));
        QVERIFY(std::fabs(same.at("perplexity").get<double>() / perplexity_of_run - 1) < 1e-4);
        QVERIFY(same.at("bytes_before").get<std::int64_t>() < 8'000'000); // of 16.3 MB before the export
        for (const QString command : {"eval", "info", "calibrate", "compare"}) {
            QStringList words{command, at("one/model"), "--quiet"};
            if (command == "calibrate") words << QStringList{"--calib-samples", "1", "--calib-length", "64"};
            if (command == "compare") words << QStringList{"--recipe", "w=int8", "--window", "128", "--windows", "2"};
            const Outcome text = run_cli(words);
            QVERIFY2(text.out.contains("stored quantized") && text.out.contains("--recipe 'a=int8/sym/token'"),
                     text.out);
        }
    }

private Q_SLOTS:
    void quantizeSaysWhichRulesDecided() {
        const QString recipe = R"({"schema":1,"defaults":{"weight":{"format":"int4","granularity":"channel"}},"rules":[
            {"pattern":"*.fc1","choice":{"weight":{"format":"int8","granularity":"channel"}}},
            {"pattern":"layers.0.*","choice":{"weight":{"format":"int6","granularity":"channel"}}}]})";
        const QStringList words{"quantize", "sample-opt", "--recipe", recipe, "--weights-only", "--quiet"};
        const json rules = run_cli(words + QStringList{"--json"}).json().at("rules");
        const json expected =
            json::parse(R"([{"pattern":"*.fc1","matched":8,"won":7},{"pattern":"layers.0.*","matched":6,"won":6}])");
        QVERIFY2(rules == expected, rules.dump().c_str());
        const Outcome text = run_cli(words);
        QVERIFY2(text.out.contains("rule        matches  decides"), text.out);
        for (const char* heading : {" SQNR, dB", "w SQNR, dB", "w underfl., %", "a underfl., %", "err w un, %"})
            QVERIFY2(text.out.contains(heading), text.out);
        QVERIFY2(text.out.contains("underfl.: underflow"), text.out);
    }

    /// Before anything is run: what becomes of the export where, in words and as JSON.
    void exportSaysWhatHappensThere() {
        const QStringList words{"export", "sample-opt", "--recipe", "w=int4/sym/g128 a=int8/sym/token",
                                "--out",  at("there"),  "--check",  "--quiet"};
        const Outcome text = run_cli(words);
        QVERIFY2(text.code == 0 && text.out.contains("vLLM on Hopper (sm90)"), text.out);
        QVERIFY2(text.out.contains("a=fp8_e4m3/sym/token instead of a=int8/sym/token"), text.out);
        QVERIFY2(text.out.contains("https://github.com/vllm-project/vllm/pull/38066"), text.out);
        const json value = run_cli(words + QStringList{"--json"}).json();
        QVERIFY(value.at("ok").get<bool>());
        std::map<std::string, json> targets;
        for (const json& target : value.at("targets")) targets[target.at("name")] = target;
        QVERIFY(targets.at("vllm-sm80").at("fate") == "other inputs");
        QVERIFY(targets.at("vllm-sm80").at("parts").at(0).at("inputs").is_null());
        QVERIFY(targets.at("vllm-sm90").at("parts").at(0).at("inputs") == "fp8_e4m3/sym/token");
        QVERIFY(targets.at("transformers-5.17").at("fate") == "as asked");
        QVERIFY(targets.at("sglang").at("fate") == "refused");
        QVERIFY(!QFileInfo::exists(at("there")));
    }

    void evaluatedAsServed() {
        const QStringList words{"eval", "sample-opt", "--window", "128", "--windows", "2", "--json", "--quiet"};
        const auto losses = [&](const QStringList& more) {
            const json value = run_cli(words + more).json();
            return std::pair(value.at("window_losses"), value.at("provenance").at("served_as"));
        };
        const QStringList recipe{"--recipe", "w=int4/sym/g128 a=int8/sym/token"};
        const auto ampere = losses(recipe + QStringList{"--as", "vllm-sm80"});
        QVERIFY(ampere.first == losses({"--recipe", "w=int4/sym/g128"}).first);
        QVERIFY(ampere.second == "vllm-sm80");
        QVERIFY(losses(recipe).second.is_null());
        const Outcome text = run_cli({"compare", "sample-opt", "--window", "128", "--windows", "2", "--recipe",
                                      "w=int4/sym/g128 a=int8/sym/token", "--as", "vllm-sm90", "--quiet"});
        QVERIFY2(text.code == 0 && text.out.contains("a=int8/sym/token as vllm-sm90"), text.out);
    }

    void evaluatedUnderTheProtocolOfLlamaCpp() {
        const json value =
            run_cli({"eval", "sample-llama", "--protocol", "llama.cpp", "--windows", "2", "--json", "--quiet"}).json();
        QVERIFY(value.at("protocol").at("name") == "llama.cpp");
        QCOMPARE(value.at("protocol").at("window").get<int>(), 512);
        QCOMPARE(value.at("tokens").get<int>(), 2 * 255);
    }

    void exportIsOneFolderOfFiles() {
        const Outcome done = run_cli({"export", "sample-llama", "--recipe", "w=dint4/asym/channel", "--out", at("e"),
                                      "--shard-size", "4", "--json", "--quiet"});
        QVERIFY2(done.code == 0, done.out);
        const json value = done.json();
        QCOMPARE(value.at("reload_check").at("different").get<int>(), 0);
        QVERIFY(entries(at("e")).contains("model.safetensors.index.json"));
        QVERIFY(entries(at("e")).contains("model-00001-of-00002.safetensors"));
        QCOMPARE(run_cli({"info", at("e"), "--json"}).json().at("linears").size(), std::size_t{56});
    }
};

GRATICULE_TEST(TestCliCommands);
#include "tst_cli_commands.moc"
