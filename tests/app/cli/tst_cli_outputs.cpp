// What the command line reads and writes: an output is never an input, a file that is cut short under it is an error
// that names it, and what it says about what it left is true.
#include <QFile>
#include <QFileInfo>
#include <QHash>
#include <QRegularExpression>
#include <QTemporaryDir>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/app/cli/cli_process.h"
#include "tests/support/shared_data.h"
#include "tests/support/test_main.h"

using namespace graticule::testing;
using nlohmann::json;

class TestCliOutputs : public QObject {
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
    QString copy_of_sample(const QString& name) const {
        const QString source = QStringLiteral(GRATICULE_SOURCE_DIR "/resources/samples/sample-opt");
        QDir(at(name)).removeRecursively();
        QDir().mkpath(at(name));
        for (const QString& file : entries(source)) {
            QFile::copy(source + "/" + file, at(name) + "/" + file);
            QFile::setPermissions(at(name) + "/" + file, QFile::ReadOwner | QFile::WriteOwner);
        }
        return at(name);
    }
    /// As logits reads them: `count` times the same.
    static QByteArray ids_file(std::int64_t count, std::int64_t id) {
        std::string header = R"({"input_ids":{"dtype":"I64","shape":[1,)" + std::to_string(count) +
                             R"(],"data_offsets":[0,)" + std::to_string(8 * count) + "]}}";
        header.append((8 - header.size() % 8) % 8, ' ');
        const std::uint64_t length = header.size();
        QByteArray bytes(reinterpret_cast<const char*>(&length), 8);
        bytes += QByteArray::fromStdString(header);
        for (std::int64_t i = 0; i < count; ++i) bytes.append(reinterpret_cast<const char*>(&id), 8);
        return bytes;
    }
    static QByteArray everything(const QString& folder) {
        QByteArray all;
        for (const QString& name : entries(folder)) all += name.toUtf8() + '\0' + read(folder + '/' + name);
        return all;
    }

private Q_SLOTS:
    void an_output_is_never_an_input_data() {
        QTest::addColumn<QStringList>("words"); // M: the model's folder, T: a text, R: a recipe
        const QStringList quantize{"quantize", "M", "--recipe", "w=int4/sym/channel", "--weights-only"};
        QTest::newRow("csv over the weights") << quantize + QStringList{"--csv", "M/model.safetensors"};
        QTest::newRow("csv over the configuration") << quantize + QStringList{"--csv", "M/config.json"};
        QTest::newRow("weights over the tokenizer") << quantize + QStringList{"--dequantized", "M/tokenizer.json"};
        QTest::newRow("csv over the recipe") << QStringList{"quantize", "M", "--recipe", "R", "--csv", "R"};
        QTest::newRow("csv over the calibration text") << quantize + QStringList{"--calib", "T", "--csv", "T"};
        QTest::newRow("csv and weights to one file") << quantize + QStringList{"--csv", "X", "--dequantized", "X"};
        QTest::newRow("logits over the weights")
            << QStringList{"logits", "M", "--ids", "I", "--out", "M/model.safetensors"};
        QTest::newRow("logits over the ids") << QStringList{"logits", "M", "--ids", "I", "--out", "I"};
        QTest::newRow("a run over its text")
            << QStringList{"run", "R", "--model", "M", "--text", "O/text.txt", "--out", "O", "--force"};
    }
    void an_output_is_never_an_input() {
        QFETCH(QStringList, words);
        const QString model = copy_of_sample("in");
        QDir().mkpath(at("out"));
        write(at("out/text.txt"), "text");
        write(at("text"), "text");
        write(at("recipe"), R"({"schema": 1, "defaults": "w=int4/sym/channel"})");
        write(at("ids"), ids_file(4, 5));
        const QHash<QString, QString> places{{"M", model},     {"T", at("text")}, {"R", at("recipe")},
                                             {"I", at("ids")}, {"X", at("new")},  {"O", at("out")}};
        for (QString& word : words) {
            const QString first = word.section('/', 0, 0);
            if (places.contains(first)) word.replace(0, first.size(), places[first]);
        }
        const QByteArray before = everything(model) + everything(at("out")) + read(at("text")) + read(at("recipe"));
        const Outcome outcome = run_cli(words);
        QVERIFY2(outcome.code == 2, outcome.err);
        QVERIFY2(outcome.err.contains("choose another place for the output"), outcome.err);
        QCOMPARE(everything(model) + everything(at("out")) + read(at("text")) + read(at("recipe")), before);
        QVERIFY(!QFile::exists(at("new")));
    }

    void standard_output_counts_as_one() {
        const QString text = at("text.txt");
        write(text, QByteArray("some words to look at\n").repeated(200));
        QProcess process;
        process.setStandardOutputFile(text, QIODevice::Append);
        process.start(cli_program(), {"eval", "sample-opt", "--text", text, "--window", "64", "--quiet"});
        const Outcome outcome = collect(process);
        QVERIFY2(outcome.code == 2, outcome.err);
        QVERIFY2(outcome.err.contains("standard output"), outcome.err);
    }

    void a_file_cut_short_meanwhile_is_named_data() {
        QTest::addColumn<QStringList>("words");
        QTest::addColumn<QByteArray>("when");
        const QStringList brief{"--calib-samples", "16", "--calib-length", "256"};
        const QStringList recipe{"--recipe", "w=int4/sym/channel gptq"};
        QTest::newRow("calibrate") << QStringList{"calibrate", "M"} + brief << QByteArray("Calibrating");
        QTest::newRow("quantize") << QStringList{"quantize", "M"} + recipe + brief << QByteArray("Calibrating");
        QTest::newRow("eval") << QStringList{"eval", "M", "--window", "64"} << QByteArray("Evaluating");
        QTest::newRow("export") << QStringList{"export", "M", "--out", "X"} + recipe + brief
                                << QByteArray("Calibrating");
    }
    void a_file_cut_short_meanwhile_is_named() {
        QFETCH(QStringList, words);
        QFETCH(QByteArray, when);
        const QString model = copy_of_sample("cut"), weights = model + "/model.safetensors";
        words.replaceInStrings(QRegularExpression("^M$"), model)
            .replaceInStrings(QRegularExpression("^X$"), at("cut-out"));
        QProcess process;
        process.setReadChannel(QProcess::StandardError);
        process.start(cli_program(), words);
        QByteArray err;
        while (!err.contains(when) && process.state() != QProcess::NotRunning && process.waitForReadyRead(60'000))
            err += process.readAllStandardError();
        QCOMPARE(::truncate(weights.toLocal8Bit().constData(), QFileInfo(weights).size() / 3), 0);
        Outcome outcome = collect(process);
        QVERIFY2(outcome.code == 3, err + outcome.err + QByteArray::number(outcome.code));
        QVERIFY2(outcome.err.contains(weights.toUtf8() + " was cut short"), outcome.err);
        QVERIFY2(outcome.out.isEmpty(), outcome.out);
        QVERIFY(!QFile::exists(at("cut-out")));
    }

    /// What was computed needs no disk.
    void figures_come_before_the_file_that_cannot_be_written() {
        QFile::link("/dev/full", at("full")); // a name of its own: nothing can happen to the real one
        const Outcome outcome = run_cli({"quantize", "sample-opt", "--recipe", "w=int4/sym/channel", "--weights-only",
                                         "--csv", at("full"), "--json"});
        QVERIFY2(outcome.code == 3, outcome.err);
        QVERIFY2(outcome.err.contains("takes nothing more"), outcome.err);
        QCOMPARE(outcome.json().at("layers").size(), std::size_t{48});
    }

    /// Before its work, and before anything of the first one's is touched.
    void the_second_of_two_runs_to_one_output_is_refused() {
        const QStringList words{"export", "sample-opt", "--recipe", "w=int4/sym/channel gptq", "--out", at("two")};
        QProcess first;
        first.setReadChannel(QProcess::StandardError);
        first.start(cli_program(), words + QStringList{"--calib-samples", "16", "--calib-length", "256"});
        QByteArray err;
        while (!err.contains("Calibrating") && first.state() != QProcess::NotRunning && first.waitForReadyRead(60'000))
            err += first.readAllStandardError();
        const Outcome second = run_cli(words);
        QVERIFY2(second.code == 2, second.err + QByteArray::number(second.code));
        QVERIFY2(second.err.contains("two is being written by graticule-cli, process "), second.err);
        QVERIFY2(!second.err.contains("Calibrating"), second.err);
        const Outcome inside = run_cli(
            {"quantize", "sample-opt", "--recipe", "w=int4/sym/channel", "--weights-only", "--csv", at("two.csv")});
        QVERIFY2(inside.code == 0, inside.err); // another output
        const Outcome done = collect(first);
        QVERIFY2(done.code == 0, done.err);
        QVERIFY(QFile::exists(at("two/graticule.json")));
        for (const QString& name : entries(dir_.path())) QVERIFY2(!name.contains(".graticule-"), qPrintable(name));
    }

    void a_pipe_waits_for_its_reader() {
        const QString pipe = at("csv.fifo");
        QCOMPARE(::mkfifo(pipe.toLocal8Bit().constData(), 0600), 0);
        const QStringList words{"quantize",       "sample-opt", "--recipe", "w=int4/sym/channel",
                                "--weights-only", "--csv",      pipe};
        const Outcome stopped = interrupt_cli(words, "waiting for somebody who reads");
        QVERIFY2(stopped.code == 130, stopped.err);
        QVERIFY(!stopped.out.isEmpty()); // the figures need no pipe
        QProcess reader;
        reader.start("cat", {pipe});
        const Outcome outcome = run_cli(words);
        QVERIFY2(outcome.code == 0, outcome.err);
        const Outcome read = collect(reader);
        QVERIFY2(read.out.startsWith("layer,scheme,"), read.out);
        QCOMPARE(read.out.count('\n'), 49);
    }

    void a_pipe_as_a_recipe_is_named_as_one() {
        QCOMPARE(::mkfifo(at("recipe.fifo").toLocal8Bit().constData(), 0600), 0);
        const Outcome outcome = run_cli({"quantize", "sample-opt", "--recipe", at("recipe.fifo"), "--weights-only"});
        QVERIFY2(outcome.code == 3 && outcome.err.contains("is no regular file"), outcome.err);
    }

    void help_into_a_full_device_fails() {
        QProcess process;
        process.setStandardOutputFile("/dev/full");
        process.start(cli_program(), {"quantize", "--help"});
        const Outcome outcome = collect(process);
        QCOMPARE(outcome.code, 3);
        QVERIFY2(outcome.err.contains("standard output"), outcome.err);
    }

    void a_loop_of_links_is_named() {
        QFile::link("loop", at("loop"));
        for (const QStringList& words :
             {QStringList{"info", at("loop")}, QStringList{"tokenize", at("loop")},
              QStringList{"quantize", "sample-opt", "--recipe", "none", "--csv", at("loop")},
              QStringList{"quantize", "sample-opt", "--recipe", at("loop"), "--weights-only"},
              QStringList{"export", "sample-opt", "--recipe", "w=int4", "--out", at("loop")}}) {
            const Outcome outcome = run_cli(words);
            QVERIFY2(outcome.code == 3, outcome.err);
            QVERIFY2(outcome.err.contains(at("loop").toUtf8()), outcome.err);
            QVERIFY2(outcome.err.contains("Too many levels of symbolic links"), outcome.err);
        }
    }

    void ids_that_no_model_can_run_are_refused_at_once() {
        const auto ids = [&](std::int64_t count, std::int64_t id) {
            write(at("ids"), ids_file(count, id));
            return run_cli({"logits", "sample-llama", "--ids", at("ids"), "--out", at("logits")});
        };
        for (const Outcome& outcome : {ids(100'000, 5), ids(4, 1'000'000)}) {
            QVERIFY2(outcome.code == 3, outcome.err);
            QVERIFY2(outcome.err.contains("positions of the model") || outcome.err.contains("outside the vocabulary"),
                     outcome.err);
            QVERIFY2(outcome.err.contains(at("ids").toUtf8()) && outcome.err.contains("sample-llama"), outcome.err);
        }
        QVERIFY(!QFile::exists(at("logits")));
    }

    void a_gguf_that_lacks_a_linear_says_which() {
        GRATICULE_NEEDS_SHARED("fixtures/hostile/gguf-missing-linear");
        const QString file =
            QString::fromStdString((shared_dir() / "fixtures/hostile/gguf-missing-linear/m.gguf").string());
        const Outcome outcome = run_cli({"info", file});
        QVERIFY2(outcome.code == 3, outcome.err);
        QVERIFY2(outcome.err.contains("m.gguf: no tensor for \""), outcome.err);
    }

    /// Norms of such states are 0, and every token is as likely as any other.
    void a_perplexity_that_says_nothing_is_warned_of() {
        GRATICULE_NEEDS_SHARED("fixtures/hostile/act-1e18");
        const QString model = QString::fromStdString((shared_dir() / "fixtures/hostile/act-1e18").string());
        const QStringList text{"--text", model + "/t.txt", "--window", "64", "--windows", "1"};
        for (const QStringList& words :
             {QStringList{"eval", model}, QStringList{"compare", model, "--recipe", "w=int4/sym/channel"}}) {
            const Outcome outcome = run_cli(words + text);
            QVERIFY2(outcome.code == 0, outcome.err);
            QVERIFY2(outcome.err.contains("under full precision the hidden states behind the last block are too large"),
                     outcome.err);
        }
        const auto reason = [&](const QStringList& words) { return run_cli(words + text).json(); };
        const json measured = reason({"eval", model, "--json"});
        QVERIFY(measured.at("meaningless").get<std::string>().find("too large for their squares in float32") !=
                std::string::npos);
        const json compared = reason({"compare", model, "--recipe", "w=int4/sym/channel", "--json"});
        for (const json& run : compared.at("runs")) QVERIFY(run.at("meaningless").is_string());
        for (const json& pair : compared.at("differences")) QVERIFY(pair.at("difference").is_null());
        const Outcome exact = run_cli(QStringList{"eval", model, "--precision", "float64", "--json"} + text);
        QVERIFY2(exact.code == 0 && !exact.err.contains("too large"), exact.err);
        QVERIFY(exact.json().at("meaningless").is_null());
    }

    void a_layer_that_cannot_be_measured_comes_first_and_says_why() {
        GRATICULE_NEEDS_SHARED("fixtures/hostile/act-1e18");
        const QString model = QString::fromStdString((shared_dir() / "fixtures/hostile/act-1e18").string());
        const QStringList words{
            "quantize",       model, "--recipe", "w=int4/sym/g32", "--calib", model + "/t.txt", "--calib-samples", "2",
            "--calib-length", "64"};
        const Outcome table = run_cli(words);
        QVERIFY2(table.code == 0, table.err);
        QVERIFY2(table.err.contains("warning: ") && table.err.contains("has no SQNR: "), table.err);
        bool measured = false; // from here on the table holds no other
        for (const QByteArray& line : table.out.split('\n').mid(2)) {
            const bool without = line.contains(" nan ");
            QVERIFY2(!without || !measured, line);
            measured = measured || !without;
        }
        QVERIFY2(!table.out.contains(" inf "), table.out);
        const Outcome machine = run_cli(words + QStringList{"--json"});
        const json result = machine.json();
        int told = 0;
        for (const json& layer : result.at("layers")) {
            QCOMPARE(layer.at("output_sqnr_db").is_null(), !layer.at("not_measured").is_null());
            told += !layer.at("not_measured").is_null();
        }
        QVERIFY(told > 0);
    }
};

GRATICULE_TEST(TestCliOutputs);
#include "tst_cli_outputs.moc"
