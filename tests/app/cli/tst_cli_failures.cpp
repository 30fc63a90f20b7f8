// What goes wrong, with real broken files: the exit code of the contract, one message that names the thing and the way
// out, and nothing half-written.
#include <QFile>
#include <QTemporaryDir>
#include <cstring>

#include "tests/app/cli/cli_process.h"
#include "tests/support/test_main.h"

using namespace graticule::testing;
using nlohmann::json;

class TestCliFailures : public QObject {
    Q_OBJECT

    QTemporaryDir dir_;
    QString at(const QString& name) const { return dir_.filePath(name); }

    static QByteArray read(const QString& file) {
        QFile in(file);
        return in.open(QIODevice::ReadOnly) ? in.readAll() : QByteArray();
    }
    static void write(const QString& file, const QByteArray& bytes) {
        QFile out(file);
        QVERIFY(out.open(QIODevice::WriteOnly));
        QCOMPARE(out.write(bytes), bytes.size());
    }
    /// A copy of the OPT sample that the test may break.
    QString copy_of_sample(const QString& name) const {
        const QString source = QStringLiteral(GRATICULE_SOURCE_DIR "/resources/samples/sample-opt");
        QDir().mkpath(at(name));
        for (const QString& file : entries(source)) QFile::copy(source + "/" + file, at(name) + "/" + file);
        for (const QString& file : entries(at(name)))
            QFile::setPermissions(at(name) + "/" + file, QFile::ReadOwner | QFile::WriteOwner);
        return at(name);
    }
    /// Rewrites the safetensors header of `model` (the length is kept right).
    static void edit_header(const QString& model, const std::function<void(std::string&)>& edit) {
        const QString file = model + "/model.safetensors";
        const QByteArray bytes = read(file);
        std::uint64_t length = 0;
        std::memcpy(&length, bytes.constData(), 8);
        std::string header = bytes.mid(8, static_cast<qsizetype>(length)).toStdString();
        edit(header);
        const std::uint64_t now = header.size();
        write(file, QByteArray(reinterpret_cast<const char*>(&now), 8) + QByteArray::fromStdString(header) +
                        bytes.mid(8 + static_cast<qsizetype>(length)));
    }
    static void replace_first(std::string& text, const std::string& what, const std::string& with) {
        const auto place = text.find(what);
        QVERIFY2(place != std::string::npos, what.c_str());
        text.replace(place, what.size(), with);
    }
    static void edit_config(const QString& model, const std::function<void(json&)>& edit) {
        const QString file = model + "/config.json";
        json config = json::parse(read(file).toStdString());
        edit(config);
        write(file, QByteArray::fromStdString(config.dump()));
    }
    /// One message: on stderr for people, as one object on stdout in JSON mode; both say `says`.
    static void expect(const QStringList& words, int code, const QStringList& says) {
        const Outcome plain = run_cli(words + QStringList{"--quiet"});
        QVERIFY2(plain.code == code, plain.err + " (exit code " + QByteArray::number(plain.code) + ")");
        QVERIFY2(plain.out.isEmpty(), plain.out);
        QVERIFY2(plain.err.startsWith("error: "), plain.err);
        const Outcome machine = run_cli(words + QStringList{"--quiet", "--json"});
        QCOMPARE(machine.code, code);
        const json error = machine.json().at("error");
        const QString message = QString::fromStdString(error.at("message").get<std::string>());
        for (const QString& part : says) {
            QVERIFY2(plain.err.contains(part.toUtf8()), plain.err);
            QVERIFY2(message.contains(part), qPrintable(message));
        }
    }

private Q_SLOTS:
    void usage_data() {
        QTest::addColumn<QStringList>("words");
        QTest::addColumn<QString>("says");
        QTest::newRow("no command") << QStringList{} << "subcommand";
        QTest::newRow("unknown command") << QStringList{"quantise"} << "quantise";
        QTest::newRow("no model") << QStringList{"info"} << "--sample opt";
        QTest::newRow("unknown option") << QStringList{"eval", "sample-opt", "--txt", "a"} << "--txt";
        QTest::newRow("bad number") << QStringList{"eval", "sample-opt", "--window", "two"} << "two";
        QTest::newRow("one run") << QStringList{"compare", "sample-opt", "--recipe", "w=int4", "--no-full-precision"}
                                 << "--recipe";
        QTest::newRow("calibration of nothing")
            << QStringList{"eval", "sample-opt", "--calib-samples", "4"} << "--recipe";
        QTest::newRow("seed of nothing") << QStringList{"eval", "sample-opt", "--seed", "4"} << "--recipe";
        QTest::newRow("logits: calibration of nothing")
            << QStringList{"logits", "sample-opt", "--ids", "a", "--out", "b", "--calib-length", "8"} << "--recipe";
        QTest::newRow("two texts") << QStringList{"tokenize", "sample-opt", "--words", "a b", "--text", "c.txt"}
                                   << "--text";
        QTest::newRow("rule of no file") << QStringList{"tokenize", "sample-opt", "--words", "a", "--text-rule", "raw"}
                                         << "--text-rule";
        QTest::newRow("unknown exporter")
            << QStringList{"export", "sample-opt", "--recipe", "w=int4", "--out", "x", "--exporter", "gptq"}
            << "compressed-tensors";
    }
    void usage() {
        QFETCH(QStringList, words);
        QFETCH(QString, says);
        expect(words, 2, {says});
    }

    void models_data() {
        QTest::addColumn<QString>("name");
        QTest::addColumn<QStringList>("says");
        QTest::addColumn<int>("code");
        QTest::newRow("not there") << "nowhere" << QStringList{"nowhere"} << 3;
        QTest::newRow("empty folder") << "empty" << QStringList{"empty"} << 3;
        QTest::newRow("truncated") << "truncated" << QStringList{"model.safetensors"} << 3;
        QTest::newRow("huge header") << "header" << QStringList{"model.safetensors"} << 3;
        QTest::newRow("overlap") << "overlap" << QStringList{"model.safetensors"} << 3;
        QTest::newRow("wrong type") << "dtype" << QStringList{"model.safetensors"} << 3;
        QTest::newRow("tensor missing") << "missing" << QStringList{"layers.0.fc1"} << 3;
        QTest::newRow("no config") << "noconfig" << QStringList{"config.json"} << 3;
        QTest::newRow("config is no JSON") << "nojson" << QStringList{"config.json"} << 3;
        QTest::newRow("config field missing") << "field" << QStringList{"hidden_size"} << 3;
        QTest::newRow("config field absurd") << "absurd" << QStringList{"num_attention_heads"} << 3;
        QTest::newRow("unknown architecture") << "architecture" << QStringList{"HyenaForCausalLM", "opt, llama"} << 4;
    }
    void models() {
        QFETCH(QString, name);
        QFETCH(QStringList, says);
        QFETCH(int, code);
        if (name == "empty") QDir().mkpath(at(name));
        if (name != "empty" && name != "nowhere") breakSample(name);
        expect({"info", at(name)}, code, says);
    }
    void breakSample(const QString& how) {
        const QString model = copy_of_sample(how), weights = model + "/model.safetensors";
        if (how == "truncated") write(weights, read(weights).chopped(1000));
        if (how == "header") write(weights, QByteArray::fromHex("ffffffffffffff7f") + read(weights).mid(8));
        if (how == "overlap")
            edit_header(model, [](std::string& text) {
                const auto second = text.find("\"data_offsets\":[", text.find("data_offsets") + 20) + 16;
                text.replace(second, 1, "1" + text.substr(second, 1));
            });
        if (how == "dtype") edit_header(model, [](std::string& text) { replace_first(text, "\"BF16\"", "\"F32\" "); });
        if (how == "missing")
            edit_header(model,
                        [](std::string& text) { replace_first(text, "layers.0.fc1.weight", "layers.0.fcX.weight"); });
        if (how == "noconfig") QFile::remove(model + "/config.json");
        if (how == "nojson") write(model + "/config.json", "{\"model_type\": ");
        if (how == "field") edit_config(model, [](json& config) { config.erase("hidden_size"); });
        if (how == "absurd") edit_config(model, [](json& config) { config["num_attention_heads"] = -3; });
        if (how == "architecture")
            edit_config(model, [](json& config) {
                config["model_type"] = "hyena";
                config["architectures"] = {"HyenaForCausalLM"};
            });
    }

    void withoutTokenizerLayersCanBeLookedAtButTextCannot() {
        const QString model = copy_of_sample("tokenless");
        QFile::remove(model + "/tokenizer.json");
        QCOMPARE(run_cli({"info", model, "--quiet"}).code, 0);
        expect({"eval", model}, 3, {"tokenizer"});
    }

    void unsupportedTokenizer() {
        const QString model = copy_of_sample("oddtokenizer");
        json tokenizer = json::parse(read(model + "/tokenizer.json").toStdString());
        tokenizer["normalizer"] = {{"type", "Quantum"}};
        write(model + "/tokenizer.json", QByteArray::fromStdString(tokenizer.dump()));
        const Outcome done = run_cli({"tokenize", model, "--words", "a", "--json"});
        QVERIFY2(done.code == 3 || done.code == 4, done.out);
        QVERIFY2(done.out.contains("Quantum"), done.out);
    }

    void recipes_data() {
        QTest::addColumn<QString>("recipe");
        QTest::addColumn<QStringList>("says");
        QTest::newRow("unknown format") << "w=int44/sym/channel" << QStringList{"int44"};
        QTest::newRow("group that does not divide") << "w=int4/sym/g100" << QStringList{"100", "256", "layers.0"};
        QTest::newRow("unknown method") << "w=int4/sym/channel magic:x=1" << QStringList{"magic"};
        QTest::newRow("parameter out of range")
            << "w=int4/sym/channel smoothquant:alpha=7" << QStringList{"alpha", "7"};
        QTest::newRow("unknown key") << R"({"schema": 1, "defaults": "w=int4", "ruels": []})" << QStringList{"ruels"};
        QTest::newRow("unmatched rule")
            << R"({"schema": 1, "defaults": "w=int4", "rules": [{"pattern": "*.fc9", "choice": "w=int8"}]})"
            << QStringList{"*.fc9"};
        QTest::newRow("future schema") << R"({"schema": 9, "defaults": "w=int4"})" << QStringList{"9"};
    }
    void recipes() {
        QFETCH(QString, recipe);
        QFETCH(QStringList, says);
        if (recipe.startsWith('{')) {
            write(at("recipe.json"), recipe.toUtf8());
            recipe = at("recipe.json");
        }
        expect({"quantize", "sample-opt", "--recipe", recipe, "--weights-only"}, 3, says);
    }

    void textShorterThanAWindow() {
        write(at("short.txt"), "Too short.\n");
        expect({"eval", "sample-opt", "--text", at("short.txt"), "--window", "512"}, 3, {"512"});
        expect({"calibrate", "sample-opt", "--calib", at("short.txt")}, 3, {"512"});
        expect({"eval", "sample-opt", "--text", at("nofile.txt")}, 3, {"nofile.txt"});
    }

    void exportThatATargetCannotHold() {
        expect({"export", "sample-opt", "--recipe", "w=int4/sym/g128 a=int4/sym/g128", "--out", at("impossible")}, 4,
               {"layers.0", "a=int8/sym/token"});
        QVERIFY(!QFile::exists(at("impossible")));
    }

    void exportIntoSomebodysFolder() {
        QDir().mkpath(at("home"));
        write(at("home/thesis.tex"), "years of work");
        expect({"export", "sample-opt", "--recipe", "w=int4/sym/g128", "--out", at("home")}, 2,
               {"not empty", "--force"});
        QCOMPARE(entries(at("home")), QStringList{"thesis.tex"});
        const QString model = copy_of_sample("ownmodel");
        expect({"export", model, "--recipe", "w=int4/sym/g128", "--out", model, "--force"}, 2,
               {"the model's own folder"});
    }

    void fullDiskLeavesNothing() {
        // A limit on the size of files stands for the full disk: write() fails in the middle of the weights.
        QDir().mkpath(at("full"));
        QProcess process;
        process.start("/bin/sh", {"-c", "ulimit -f 2000; exec \"$0\" \"$@\"", cli_program(), "export", "sample-opt",
                                  "--recipe", "w=int8/sym/channel", "--out", at("full/out"), "--quiet"});
        const Outcome done = collect(process);
        QVERIFY2(done.code == 3, done.err + QByteArray::number(done.code));
        QVERIFY2(done.err.contains("disk is full"), done.err);
        QCOMPARE(entries(at("full")), QStringList());
    }

    void interrupted_data() {
        QTest::addColumn<QStringList>("words");
        QTest::addColumn<QByteArray>("when");
        const QStringList long_calibration{"--calib-samples", "12", "--calib-length", "512"};
        QTest::newRow("calibrate") << QStringList{"calibrate", "sample-opt"} + long_calibration
                                   << QByteArray("Calibrating");
        QTest::newRow("quantize") << QStringList{"quantize",         "sample-opt",      "--recipe",
                                                 "w=int4/asym/g128", "--calib-samples", "2"}
                                  << QByteArray("Quantizing");
        QTest::newRow("eval") << QStringList{"eval", "sample-opt", "--window", "512"} << QByteArray("Evaluating");
        QTest::newRow("export") << QStringList{"export",   "sample-opt",
                                               "--recipe", "w=int4/sym/g128 smoothquant:alpha=0.5",
                                               "--out",    "OUT"} +
                                       long_calibration
                                << QByteArray("Calibrating");
        QTest::newRow("run") << QStringList{"run", "w=int4/sym/g128", "--model", "sample-opt", "--out", "OUT"}
                             << QByteArray("Evaluating");
    }
    void interrupted() {
        QFETCH(QStringList, words);
        QFETCH(QByteArray, when);
        const QString folder = at(QString("stop-") + QTest::currentDataTag());
        QDir().mkpath(folder);
        words.replaceInStrings("OUT", folder + "/out");
        const Outcome done = interrupt_cli(words, when);
        QVERIFY2(done.code == 130, done.err + " (exit code " + QByteArray::number(done.code) + ")");
        QVERIFY2(done.out.isEmpty(), done.out);
        QVERIFY2(done.err.contains("cancelled"), done.err);
        QCOMPARE(entries(folder), QStringList());
    }
};

GRATICULE_TEST(TestCliFailures);
#include "tst_cli_failures.moc"
