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
    /// Overwrites the third element of a 16-bit tensor.
    static void poke(const QString& model, const QString& tensor, const QByteArray& value) {
        const QString file = model + "/model.safetensors";
        QByteArray bytes = read(file);
        std::uint64_t length = 0;
        std::memcpy(&length, bytes.constData(), 8);
        const json header = json::parse(bytes.mid(8, static_cast<qsizetype>(length)).toStdString());
        const auto begin = header.at(tensor.toStdString()).at("data_offsets").at(0).get<std::uint64_t>();
        bytes.replace(static_cast<qsizetype>(8 + length + begin + 4), 2, value);
        write(file, bytes);
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
        QTest::newRow("divergence of nothing")
            << QStringList{"eval", "sample-opt", "--metric", "divergence"} << "give --recipe";
        QTest::newRow("unknown metric") << QStringList{"eval", "sample-opt", "--metric", "luck"} << "luck";
        for (const char* bits : {"nan", "inf", "0", "-4"})
            QTest::addRow("budget of %s", bits)
                << QStringList{"search", "sample-opt", QStringLiteral("--bits=%1").arg(bits)} << "is no budget";
        for (const char* time : {"nan", "inf", "0", "-4"})
            QTest::addRow("time of %s", time)
                << QStringList{"search", "sample-opt", "--bits", "4.5", QStringLiteral("--time=%1").arg(time)}
                << "is no budget";
        QTest::newRow("pass of no time") << QStringList{"search", "sample-opt", "--bits", "4.5", "--time-batch", "2"}
                                         << "says what --time limits";
        QTest::newRow("two passes") << QStringList{"search", "sample-opt",    "--bits", "4.5",          "--time",
                                                   "1",      "--time-length", "8",      "--time-batch", "2"}
                                    << "--time-length";
        QTest::newRow("time without size") << QStringList{"search", "sample-opt", "--time", "1"} << "--bits";
        QTest::newRow("unknown task") << QStringList{"task", "sample-opt", "--task", "squad", "--file", "x"} << "squad";
        QTest::newRow("task without a file") << QStringList{"task", "sample-opt", "--task", "piqa"} << "--file";
        QTest::newRow("eval: empty recipe")
            << QStringList{"eval", "sample-opt", "--recipe", ""} << "leave --recipe out";
        QTest::newRow("eval: blank recipe") << QStringList{"eval", "sample-opt", "--recipe", " "} << "full precision";
        QTest::newRow("calibrate: empty recipe")
            << QStringList{"calibrate", "sample-opt", "--recipe", ""} << "leave --recipe out";
        QTest::newRow("logits: empty recipe")
            << QStringList{"logits", "sample-opt", "--ids", "a", "--out", "b", "--recipe", ""} << "leave --recipe out";
        QTest::newRow("run: empty recipe")
            << QStringList{"run", "", "--model", "sample-opt", "--out", "x"} << "the recipe is empty; write a line";
        QTest::newRow("empty text") << QStringList{"eval", "sample-opt", "--text", ""} << "leave --text out";
        QTest::newRow("empty calibration text")
            << QStringList{"calibrate", "sample-opt", "--calib", ""} << "leave --calib out";
        QTest::newRow("export: empty output")
            << QStringList{"export", "sample-opt", "--recipe", "w=int4", "--out", ""} << "say where to write";
        QTest::newRow("run: empty output")
            << QStringList{"run", "w=int4", "--model", "sample-opt", "--out", ""} << "say where to write";
        QTest::newRow("logits: empty output")
            << QStringList{"logits", "sample-opt", "--ids", "a", "--out", ""} << "say where to write";
        QTest::newRow("device of info") << QStringList{"--device", "wombat", "info", "sample-opt"}
                                        << "use cpu, cuda or cuda:N";
        QTest::newRow("device of formats") << QStringList{"formats", "--device", "cuda:"} << "use cpu, cuda or cuda:N";
        QTest::newRow("empty device") << QStringList{"tokenize", "sample-opt", "--words", "a", "--device", ""}
                                      << "use cpu, cuda or cuda:N";
        QTest::newRow("unknown exporter")
            << QStringList{"export", "sample-opt", "--recipe", "w=int4", "--out", "x", "--exporter", "onnx"}
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
        QTest::newRow("config field absurd")
            << "absurd" << QStringList{"absurd/config.json: \"num_attention_heads\" is -3"} << 3;
        QTest::newRow("three bytes") << "short.gguf" << QStringList{"not a GGUF file: its 3 bytes"} << 3;
        QTest::newRow("unknown architecture") << "architecture" << QStringList{"HyenaForCausalLM", "opt, llama"} << 4;
    }
    void models() {
        QFETCH(QString, name);
        QFETCH(QStringList, says);
        QFETCH(int, code);
        if (name == "empty") QDir().mkpath(at(name));
        if (name == "short.gguf") write(at(name), "GGU");
        if (!QFile::exists(at(name)) && name != "nowhere") breakSample(name);
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

    void parametersThatAreNotFinite_data() {
        QTest::addColumn<QString>("tensor");
        QTest::addColumn<QByteArray>("value"); // bfloat16
        QTest::newRow("weight") << "model.decoder.layers.3.fc1.weight" << QByteArray("\xc0\x7f");
        QTest::newRow("bias of a norm") << "model.decoder.layers.2.final_layer_norm.bias" << QByteArray("\x80\x7f");
        QTest::newRow("embedding") << "model.decoder.embed_tokens.weight" << QByteArray("\x80\xff");
    }
    void parametersThatAreNotFinite() {
        QFETCH(QString, tensor);
        QFETCH(QByteArray, value);
        const QString model = copy_of_sample(QTest::currentDataTag());
        poke(model, tensor, value);
        const QStringList says{model + "/model.safetensors: tensor \"" + tensor +
                               "\" holds a value that is not finite"};
        const QStringList few{"--window", "64", "--windows", "1"},
            little{"--calib-samples", "1", "--calib-length", "64"};
        expect(QStringList{"eval", model} + few, 3, says);
        expect(QStringList{"compare", model, "--recipe", "w=int4"} + few, 3, says);
        expect(QStringList{"run", "w=int4", "--model", model, "--out", at("unfinished")} + few + little, 3, says);
        QVERIFY(!QFile::exists(at("unfinished")));
        if (tensor.contains("embed")) return; // an id that the calibration text may not have
        expect(QStringList{"calibrate", model} + little, 3, says);
        expect({"quantize", model, "--recipe", "w=int4", "--weights-only"}, 3, says);
    }

    void valuesThatLeaveTheirRange() {
        const QString model = copy_of_sample("overflow");
        const QByteArray largest("\x7f\x7f"); // 3.39e38: finite, but not twice
        poke(model, "model.decoder.layers.5.fc2.bias", largest);
        poke(model, "model.decoder.layers.6.fc2.bias", largest);
        const QStringList says{"every parameter is, but in block 6"};
        expect({"eval", model, "--window", "64", "--windows", "1"}, 3, QStringList{"the loss of window 1"} + says);
        expect({"calibrate", model, "--calib-samples", "1", "--calib-length", "64"}, 3, says);
        write(at("ids.safetensors"), QByteArray(R"({"input_ids":{"dtype":"I32","shape":[1,2],"data_offsets":[0,8]}})")
                                             .prepend(QByteArray::fromHex("4000000000000000")) +
                                         QByteArray::fromHex("0200000003000000"));
        expect({"logits", model, "--ids", at("ids.safetensors"), "--out", at("logits.safetensors")}, 3, says);
        QVERIFY(!QFile::exists(at("logits.safetensors")));
    }

    void withoutTokenizerLayersCanBeLookedAtButTextCannot() {
        const QString model = copy_of_sample("tokenless");
        QFile::remove(model + "/tokenizer.json");
        QCOMPARE(run_cli({"info", model, "--quiet"}).code, 0);
        expect({"eval", model}, 3, {"tokenizer"});
        const Outcome told = run_cli({"eval", model});
        QVERIFY2(told.err.count("has no tokenizer") == 1 && told.err.count(model.toUtf8()) == 1, told.err); // once
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
        QTest::newRow("group that does not divide")
            << "w=int4/sym/g100"
            << QStringList{"layers.0.self_attn.q_proj and 39 more: weight: group size 100", "256",
                           "use 16, 32, 64, 128", "layers.0.fc2 and 7 more"};
        QTest::newRow("everything ignored") << R"({"schema": 1, "defaults": "w=int4", "ignore": ["*"]})"
                                            << QStringList{"quantizes no layer", "ignore list takes all 48"};
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
        // Also where the recipe needs no calibration: a typing error must not go unseen.
        expect({"eval", "sample-opt", "--recipe", "w=int4", "--calib", at("nofile.txt")}, 3, {"nofile.txt"});
    }

    void exportThatATargetCannotHold() {
        expect({"export", "sample-opt", "--recipe", "w=int4/sym/g128 a=int4/sym/g128", "--out", at("impossible")}, 4,
               {"layers.0", "a=int8/sym/token"});
        QVERIFY(!QFile::exists(at("impossible")));
    }

    void targetThatRefusesTheRecipe() {
        expect({"eval", "sample-opt", "--recipe", "w=int4/sym/g64 a=int8/sym/token", "--as", "vllm-sm90"}, 4,
               {"vLLM on Hopper", "groups of 128", "https://"});
        expect({"eval", "sample-opt", "--recipe", "w=int4/sym/g128", "--as", "vllm-sm95"}, 2, {"vllm-sm90"});
        expect({"eval", "sample-opt", "--as", "vllm-sm90"}, 2, {"--recipe"});
        expect({"eval", "sample-opt", "--protocol", "bits"}, 2, {"llama.cpp"});
    }

    void exportIntoSomebodysFolder() {
        QDir().mkpath(at("home"));
        write(at("home/thesis.tex"), "years of work");
        expect({"export", "sample-opt", "--recipe", "w=int4/sym/g128", "--out", at("home")}, 2,
               {"not empty", "--force"});
        QCOMPARE(entries(at("home")), QStringList{"thesis.tex"});
        const QString model = copy_of_sample("ownmodel");
        expect({"export", model, "--recipe", "w=int4/sym/g128", "--out", model, "--force"}, 2,
               {"holds what is read as the model"});
    }

    void outputThatCannotBeIsRefusedBeforeTheWork_data() {
        QTest::addColumn<QStringList>("words");
        QTest::addColumn<QString>("out"); // MODEL: the model's folder
        QTest::addColumn<QString>("says");
        QTest::addColumn<int>("code");
        const QStringList exported{"export", "MODEL", "--recipe", "w=int4/sym/g128 gptq", "--out", "OUT"},
            run{"run", "w=int4/sym/g128 gptq", "--model", "MODEL", "--out", "OUT"},
            csv{"quantize", "MODEL", "--recipe", "w=int4/sym/g128 gptq", "--csv", "OUT"};
        QTest::newRow("export: pseudo file system") << exported << "/proc/out"
                                                    << "cannot be made there" << 3;
        QTest::newRow("run: pseudo file system") << run << "/proc/out"
                                                 << "cannot be made there" << 3;
        QTest::newRow("export: below a device") << exported << "/dev/null/out"
                                                << "choose another place" << 3;
        QTest::newRow("export: name too long") << exported << QString(300, 'n') << "choose another place" << 3;
        QTest::newRow("run: name too long") << run << QString(300, 'n') << "choose another place" << 3;
        QTest::newRow("export: inside the model") << exported << "MODEL/out"
                                                  << "lies in the model's own folder" << 2;
        QTest::newRow("run: inside the model") << run << "MODEL/out"
                                               << "lies in the model's own folder" << 2;
        QTest::newRow("csv: a folder") << csv << "MODEL"
                                       << "is a folder; name a file" << 3;
        QTest::newRow("csv: a folder's name") << csv << at("no-folder/") << "is a folder; name a file" << 3;
        QTest::newRow("csv: a name that loaders read") << csv << "MODEL/model.safetensors.index.json"
                                                       << "under a name that loaders read" << 2;
        QTest::newRow("csv: no folder") << csv << "/nowhere/x.csv"
                                        << "there is no folder /nowhere" << 3;
    }
    void outputThatCannotBeIsRefusedBeforeTheWork() {
        QFETCH(QStringList, words);
        QFETCH(QString, out);
        QFETCH(QString, says);
        QFETCH(int, code);
        const QString model = QFile::exists(at("target")) ? at("target") : copy_of_sample("target");
        const QStringList before = entries(model);
        words.replaceInStrings("OUT", out).replaceInStrings("MODEL", model);
        expect(words, code, {says});
        const Outcome told = run_cli(words);
        QVERIFY2(!told.err.contains("Calibrating") && !told.err.contains("Quantizing"), told.err);
        QCOMPARE(entries(model), before);
    }

    void foldersWhereFilesAreExpected_data() {
        QTest::addColumn<QStringList>("words");
        QTest::newRow("text") << QStringList{"eval", "sample-opt", "--text", "DIR"};
        QTest::newRow("calibration text") << QStringList{"calibrate", "sample-opt", "--calib", "DIR"};
        QTest::newRow("recipe") << QStringList{"eval", "sample-opt", "--recipe", "DIR"};
        QTest::newRow("ids") << QStringList{"logits", "sample-opt", "--ids", "DIR", "--out", "x"};
    }
    void foldersWhereFilesAreExpected() {
        QFETCH(QStringList, words);
        words.replaceInStrings("DIR", dir_.path());
        expect(words, 3, {dir_.path(), "is a folder"});
    }

    void fullDiskLeavesNothing() {
        // A limit on the size of files stands for the full disk: write() fails in the middle of the weights.
        QDir().mkpath(at("full"));
        QProcess process;
        process.start("/bin/sh", {"-c", "ulimit -f 2000; exec \"$0\" \"$@\"", cli_program(), "export", "sample-opt",
                                  "--recipe", "w=int8/sym/channel", "--out", at("full/out"), "--quiet"});
        const Outcome done = collect(process);
        QVERIFY2(done.code == 3, done.err + QByteArray::number(done.code));
        QVERIFY2(done.err.contains("more than a file may have here"), done.err);
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
        QTest::newRow("the terminal goes")
            << QStringList{"run", "w=int4/sym/g128", "--model", "sample-opt", "--out", "OUT"}
            << QByteArray("Evaluating");
    }
    void interrupted() {
        QFETCH(QStringList, words);
        QFETCH(QByteArray, when);
        const QString folder = at(QString("stop-") + QTest::currentDataTag());
        QDir().mkpath(folder);
        words.replaceInStrings("OUT", folder + "/out");
        const bool hangup = QByteArray(QTest::currentDataTag()).startsWith("the terminal");
        const Outcome done = interrupt_cli(words, when, hangup ? SIGHUP : SIGINT);
        QVERIFY2(done.code == 130, done.err + " (exit code " + QByteArray::number(done.code) + ")");
        QVERIFY2(done.out.isEmpty(), done.out);
        QVERIFY2(done.err.contains("cancelled"), done.err);
        QCOMPARE(entries(folder), QStringList());
    }
};

GRATICULE_TEST(TestCliFailures);
#include "tst_cli_failures.moc"
