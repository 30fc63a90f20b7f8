// What the window does is what graticule-cli does: the same recipe, text and protocol give the same files, byte for
// byte. The command line that is run here is the one that the window copies.
#include <QtCore/QDirIterator>
#include <QtCore/QJsonArray>
#include <QtCore/QJsonDocument>
#include <QtCore/QJsonObject>
#include <QtCore/QProcess>
#include <QtCore/QSettings>
#include <QtCore/QTemporaryDir>
#include <QtGui/QClipboard>
#include <QtGui/QGuiApplication>
#include <QtTest/QTest>
#include <algorithm>

#include "app/window/main_window.h"
#include "core/export/exporter.h"
#include "core/report/report.h"
#include "tests/support/test_main.h"
#include "widgets/panels/recipe_panel.h"

using namespace graticule;

namespace {

QByteArray bytes_of(const QString& path) {
    QFile file(path);
    return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
}

QStringList files_in(const QString& folder) {
    QStringList names;
    QDirIterator files(folder, QDir::Files | QDir::Hidden, QDirIterator::Subdirectories);
    while (files.hasNext()) names << QDir(folder).relativeFilePath(files.next());
    names.sort();
    return names;
}

/// Empty when both folders hold the same files with the same bytes.
QString differences(const QString& a, const QString& b) {
    const QStringList names = files_in(a);
    if (names != files_in(b)) return names.join(u' ') + " against " + files_in(b).join(u' ');
    for (const QString& name : names) {
        const QByteArray left = bytes_of(a + '/' + name), right = bytes_of(b + '/' + name);
        if (left == right) continue;
        const auto at = std::mismatch(left.begin(), left.end(), right.begin(), right.end()).first - left.begin();
        return QString("%1 differs at byte %2: ...%3... against ...%4...")
            .arg(name)
            .arg(at)
            .arg(QString(left.mid(at - 60, 120)), QString(right.mid(at - 60, 120)));
    }
    return {};
}

} // namespace

class ParityTest : public QObject {
    Q_OBJECT

    QTemporaryDir folder_;

    [[nodiscard]] QString at(const QString& name) const { return folder_.filePath(name); }

    /// Where two texts part, and how each goes on; empty: they are the same.
    static QString first_difference(const QByteArray& a, const QByteArray& b) {
        if (a == b) return {};
        const auto at = std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first - a.begin();
        const auto around = [at](const QByteArray& text) {
            return QString(text.mid(std::max<qsizetype>(0, at - 80), 160));
        };
        return QStringLiteral("byte %1\n%2\n---\n%3").arg(at).arg(around(a), around(b));
    }

    /// Runs the line as a shell does, with the program of this build on its path; what it said if it failed.
    static QString run_line(const QString& line) {
        QProcess shell;
        QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
        environment.insert("PATH", GRATICULE_BUILD_DIR "/bin:" + environment.value("PATH"));
        shell.setProcessEnvironment(environment);
        shell.start("/bin/sh", {"-c", line + " --quiet"});
        const bool ended = shell.waitForFinished(300'000);
        if (ended && shell.exitCode() == 0) return {};
        return line + "\n" + shell.readAllStandardError() + shell.readAllStandardOutput();
    }

private Q_SLOTS:
    void window_and_command_line_write_the_same_bytes_data() {
        QTest::addColumn<QString>("recipe");
        const QString calibration = R"("calibration": {"samples": 2, "length": 64})";
        const QString form = R"({"schema": 1, "defaults": "%1", %2})";
        QTest::newRow("round to nearest") << form.arg("w=int4/sym/g128 a=int8/sym/token", calibration);
        QTest::newRow("calibrated") << form.arg("w=int4/asym/g128 gptq", calibration);
        QTest::newRow("rules") << form.arg("w=int8/sym/channel",
                                           R"("rules": [{"pattern": "*.fc1", "choice": "w=int4/sym/g128"}],)"
                                           R"("ignore": ["layers.0.*"], )" +
                                               calibration);
    }

    void window_and_command_line_write_the_same_bytes() {
        QFETCH(QString, recipe);
        const QString tag = QString(QTest::currentDataTag()).replace(' ', '-');
        const QString from_window = at(tag + "-window"), from_run = at(tag + "-run"), from_export = at(tag + "-export");
        QSettings settings(at(tag + ".ini"), QSettings::IniFormat);
        MainWindow window(settings, theme::Mode::dark);
        window.setAsking(false);
        window.show();
        Session& session = window.session();
        const auto quiet = [&session] { return !session.jobs().busy(); };
        window.openPath("sample-opt");
        QTRY_VERIFY_WITH_TIMEOUT(session.model() != nullptr, 60'000);
        Q_EMIT window.recipePanel().jsonEdited(recipe); // typed into the text view
        QCOMPARE(session.recipe().calibration.length, std::int64_t(64));
        window.setEvaluationChoice({{}, 64, 2});
        window.setExportFolder(from_run);
        window.command("edit.copy-command")->trigger();
        const QString line = QGuiApplication::clipboard()->text();
        window.setExportFolder(from_window);
        for (const char* verb : {"run.calibrate", "run.quantize", "run.evaluate", "run.export"}) {
            window.command(verb)->trigger();
            QTRY_VERIFY_WITH_TIMEOUT(quiet(), 300'000);
        }
        QVERIFY(QFile::exists(from_window));

        QCOMPARE(run_line(line), QString());
        QCOMPARE(differences(from_window, from_run + "/model"), QString());

        // The reports, from what the window holds in its runs.
        QCOMPARE(session.runs().size(), std::size_t(2));
        const Run &baseline = session.runs()[0], &run = session.runs()[1];
        QVERIFY(baseline.finished() && run.finished());
        const auto comparison = session.comparison(baseline.id, run.id);
        QVERIFY(comparison.has_value());
        const ReportInput input{
            run.quantized, std::make_shared<const Evaluation>(*baseline.evaluation),
            std::make_shared<const Evaluation>(*run.evaluation), *comparison,
            exporter_named("compressed-tensors").check(*session.model(), choices_of(*run.quantized), {})};
        const std::pair<const char*, std::string> reports[] = {{"recipe.json", to_json(session.recipe())},
                                                               {"report.json", report_json(input)},
                                                               {"report.md", report_markdown(input)},
                                                               {"layers.csv", layers_csv(*run.quantized)}};
        QStringList compared{"graticule.json"};
        QJsonObject provenance = QJsonDocument::fromJson(bytes_of(from_run + "/graticule.json")).object();
        QStringList listed = provenance.take("files").toObject().keys(); // what was written there, this file too
        listed.sort();
        QCOMPARE(listed, files_in(from_run));
        QCOMPARE(provenance, QJsonDocument::fromJson(QByteArray::fromStdString(provenance_json(input))).object());
        for (const auto& [name, text] : reports) {
            const QString difference =
                first_difference(bytes_of(from_run + '/' + name), QByteArray::fromStdString(text));
            QVERIFY2(difference.isEmpty(), qPrintable(QString(name) + ": " + difference));
            compared << name;
        }
        for (const QString& name : files_in(from_run))
            QVERIFY2(name.startsWith("model/") || compared.contains(name), qPrintable(name));

        const QString recipe_file = from_run + "/recipe.json";
        QCOMPARE(run_line("graticule-cli export sample-opt --recipe " + recipe_file + " --out " + from_export),
                 QString());
        QCOMPARE(differences(from_window, from_export), QString());
    }
};

GRATICULE_TEST(ParityTest);
#include "tst_parity.moc"
